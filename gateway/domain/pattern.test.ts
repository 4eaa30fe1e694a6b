import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Key } from './key.ts'
import { keyMay, matches, starRun } from './pattern.ts'

test('reads a star as any run of characters, the empty one too, and everything else as itself', () => {
  const yes = ['* x', '* ', 'gpt-* gpt-', 'gpt-* gpt-4o', '*-mini gpt-4o-mini', 'a*b*c abc', 'a*b*c a-b-b-c', 'a.b a.b']
  const no = [
    'gpt-* gpt4',
    '*-mini gpt-4o-minis',
    'a*b*c acb',
    'a.b axb',
    'gpt-4o gpt-4O',
    'gpt-4o gpt-4o ',
    '? x',
    'ab a',
  ]
  for (const line of yes) expect(both(line), line).toBe(true)
  for (const line of no) expect(both(line), line).toBe(false)
})

function both(line: string): boolean {
  const at = line.indexOf(' ')
  return matches(line.slice(0, at), line.slice(at + 1))
}

test('agrees with the regular expression that a pattern means', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 9 })
  fc.assert(
    fc.property(letters, letters, (pattern, name) => {
      const meant = new RegExp(`^${pattern.replace(/[.]/g, '\\.').replace(/\*/g, '.*')}$`)
      expect(matches(pattern, name)).toBe(meant.test(name))
    }),
    { numRuns: 3000 },
  )
})

test('takes no exponential time over a hostile pattern', () => {
  const name = 'a'.repeat(256)
  let compared = 0
  const counted = new Proxy(new String(`${'*a'.repeat(40)}b`), {
    get: (text, member) => {
      compared++
      const value: unknown = Reflect.get(text, member)
      return value
    },
  }) as unknown as string
  expect(matches(counted, name)).toBe(false)
  expect(compared).toBeLessThan(40 * 256 * 4)
})

test('tells what the star stood for', () => {
  expect(starRun('eu/*', 'eu/gpt-4o')).toBe('gpt-4o')
  expect(starRun('*@eu', 'gpt-4o@eu')).toBe('gpt-4o')
  expect(starRun('a*b', 'ab')).toBe('')
})

test('lets a key ask for what one of its patterns matches', () => {
  const key: Key = {
    id: 'dev',
    hash: '',
    org: 'default',
    user: undefined,
    feature: undefined,
    models: ['gpt-*', 'fast'],
    allowClientIdentity: false,
    expiresAt: undefined,
    trackUsage: undefined,
  }
  expect(keyMay(key, 'gpt-4o')).toBe(true)
  expect(keyMay(key, 'fast')).toBe(true)
  expect(keyMay(key, 'o3')).toBe(false)
  expect(keyMay({ ...key, models: [] }, 'gpt-4o')).toBe(false)
})
