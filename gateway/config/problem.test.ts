import fc from 'fast-check'
import { expect, test } from 'vitest'
import { didYouMean, editDistance, pathOf, shown } from './problem.ts'

const members = ['id', 'base_url', 'api_key', 'priority', 'organisations', 'limits']

test('guesses the member that a misspelt name is close to, and none where none is', () => {
  for (const [written, meant] of [
    ['apiKey', 'api_key'],
    ['api-key', 'api_key'],
    ['baseURL', 'base_url'],
    ['prioritiy', 'priority'],
    ['organizations', 'organisations'],
    ['limist', 'limits'],
  ] as const) {
    expect(didYouMean(written, members), written).toBe(`; did you mean "${meant}"?`)
  }
  for (const written of ['endpoint', 'x', '', 'a'.repeat(100_000)]) expect(didYouMean(written, members)).toBe('')
})

test('counts a swap of neighbours as one edit', () => {
  expect(editDistance('kiten', 'kitten')).toBe(1)
  expect(editDistance('iktten', 'kitten')).toBe(1)
  expect(editDistance('sitting', 'kitten')).toBe(3)
  expect(editDistance('', 'abc')).toBe(3)
})

test('measures a distance: none between equals, the same both ways', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 7 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, a)).toBe(0)
      expect(editDistance(a, b)).toBe(editDistance(b, a))
      expect(editDistance(a, b)).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
    }),
  )
})

test('shows values on one line, without what a terminal obeys, and none as long as a secret', () => {
  expect(shown('a\n\u001b[31mb')).toBe('"a\\n\\u001b[31mb"')
  expect(shown('x'.repeat(32))).toBe('a text of 32 characters')
  expect([shown(null), shown([]), shown([1]), shown({}), shown(5), shown('')]).toEqual([
    'an empty value',
    'an empty list',
    'a list',
    'a mapping',
    '5',
    '""',
  ])
})

test('writes a path as people do, odd names in quotes', () => {
  expect(pathOf(['models', 'gpt-4.1', 0])).toBe('models["gpt-4.1"][0]')
  expect(pathOf(['keys', 0, 'limits', 'rpm'])).toBe('keys[0].limits.rpm')
  expect(pathOf(['\u001b[2J'])).toBe('["\\u001b[2J"]')
})
