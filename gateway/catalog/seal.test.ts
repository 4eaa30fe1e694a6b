import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { masterKeyFrom, masterKeyId, seal, Unsealable, unseal } from './seal.ts'

const key = randomBytes(32)
const secret = 'sk-very-secret-β'

test('opens what it sealed, the empty text too', () => {
  expect(unseal(seal(secret, 'con:1', [key]), 'con:1', [key])).toBe(secret)
  expect(unseal(seal('', 'con:1', [key]), 'con:1', [key])).toBe('')
})

test('never seals to the same text twice', () => {
  expect(seal(secret, 'con:1', [key])).not.toBe(seal(secret, 'con:1', [key]))
})

test('seals with the first key and opens with any, so keys can be rotated', () => {
  const next = randomBytes(32)
  const old = seal(secret, 'con:1', [key])
  expect(unseal(old, 'con:1', [next, key])).toBe(secret)
  expect(seal(secret, 'con:1', [next, key]).split('.')[1]).toBe(masterKeyId(next))
  expect(reasonOf(() => unseal(old, 'con:1', [next]))).toBe('unknown_key')
})

test('does not open in another place than it was sealed for', () => {
  expect(reasonOf(() => unseal(seal(secret, 'con:1', [key]), 'con:2', [key]))).toBe('altered')
})

test('does not open after a change of any one character', () => {
  const sealed = seal(secret, 'con:1', [key])
  for (let at = 0; at < sealed.length; at++) {
    for (const other of 'A9_.') {
      if (sealed[at] === other) continue
      const changed = sealed.slice(0, at) + other + sealed.slice(at + 1)
      expect(() => unseal(changed, 'con:1', [key]), `${at}: ${changed}`).toThrow(Unsealable)
    }
  }
})

test('refuses a shortened tag, missing parts, and another spelling of the same bytes', () => {
  const [version, id, iv, tag = '', text] = seal(secret, 'con:1', [key]).split('.')
  const short = Buffer.from(tag, 'base64url').subarray(0, 4).toString('base64url')
  for (const broken of [
    [version, id, iv, short, text],
    [version, id, iv, tag],
    [version, id, iv, tag, text, ''],
    [version, id, iv, `${tag}=`, text],
    ['v2', id, iv, tag, text],
    [''],
  ]) {
    expect(reasonOf(() => unseal(broken.join('.'), 'con:1', [key]))).toBe('malformed')
  }
})

test('says what is wrong without the secret, the envelope or the key', () => {
  const sealed = seal(secret, 'con:1', [key])
  for (const attempt of [
    () => unseal(sealed, 'con:2', [key]),
    () => unseal(sealed, 'con:1', [randomBytes(32)]),
    () => unseal(`${sealed}!`, 'con:1', [key]),
  ]) {
    const said = spoken(attempt)
    expect(said).toMatch(/sealed/)
    for (const part of [secret, key.toString('base64'), key.toString('hex'), ...sealed.split('.').slice(2)]) {
      expect(said).not.toContain(part)
    }
  }
})

test('reads a master key of 32 bytes in base64 and nothing else', () => {
  expect(masterKeyFrom(key.toString('base64'))?.equals(key)).toBe(true)
  expect(masterKeyFrom(key.toString('base64').replace('=', ''))?.equals(key)).toBe(true)
  for (const wrong of [
    '',
    'short',
    key.toString('hex'),
    randomBytes(31).toString('base64'),
    `${key.toString('base64')}\n`,
  ]) {
    expect(masterKeyFrom(wrong)).toBeUndefined()
  }
})

function reasonOf(attempt: () => unknown): string {
  try {
    attempt()
  } catch (thrown) {
    if (thrown instanceof Unsealable) return thrown.reason
    throw thrown
  }
  return 'opened'
}

function spoken(attempt: () => unknown): string {
  try {
    attempt()
  } catch (thrown) {
    return `${thrown instanceof Error ? `${thrown.stack} ${JSON.stringify(thrown)}` : thrown}`
  }
  throw new Error('opened')
}
