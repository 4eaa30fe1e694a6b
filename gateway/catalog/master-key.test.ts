import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { masterKeyIn } from './master-key.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-key-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('makes a private key file on first use and reads the same key from then on', () => {
  const dataDir = join(folder, 'not', 'there', 'yet')
  const key = masterKeyIn(dataDir)
  expect(key).toHaveLength(32)
  expect(statSync(join(dataDir, 'master.key')).mode & 0o777).toBe(0o600)
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  expect(masterKeyIn(dataDir).equals(key)).toBe(true)
  expect(readdirSync(dataDir)).toEqual(['master.key'])
})

test('makes another key in another place', () => {
  expect(masterKeyIn(join(folder, 'a')).equals(masterKeyIn(join(folder, 'b')))).toBe(false)
})

test('says how to mend a file that others may read, and leaves it as it is', () => {
  masterKeyIn(folder)
  const path = join(folder, 'master.key')
  const before = readFileSync(path, 'utf8')
  chmodSync(path, 0o644)
  expect(() => masterKeyIn(folder)).toThrow(`${path} may be read by others (mode 644); make it private with: chmod 600`)
  expect(readFileSync(path, 'utf8')).toBe(before)
})

test('complains about content that is no key without repeating or replacing it', () => {
  const path = join(folder, 'master.key')
  for (const content of ['', 'hunter2-is-no-key', 'A'.repeat(5000)]) {
    writeFileSync(path, content, { mode: 0o600 })
    expect(() => masterKeyIn(folder)).toThrow(/does not hold 32 bytes in base64; restore it from a backup/)
    if (content !== '') expect(messageOf(() => masterKeyIn(folder))).not.toContain(content)
    expect(readFileSync(path, 'utf8')).toBe(content)
  }
})

test('complains about a folder of that name, and about a link that leads nowhere', () => {
  mkdirSync(join(folder, 'a', 'master.key'), { recursive: true })
  expect(() => masterKeyIn(join(folder, 'a'))).toThrow(/is not a file/)
  mkdirSync(join(folder, 'b'))
  symlinkSync(join(folder, 'gone'), join(folder, 'b', 'master.key'))
  expect(() => masterKeyIn(join(folder, 'b'))).toThrow(/EEXIST/)
})

function messageOf(attempt: () => unknown): string {
  try {
    attempt()
  } catch (thrown) {
    return String(thrown)
  }
  throw new Error('nothing was thrown')
}
