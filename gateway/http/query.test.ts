import { expect, test } from 'vitest'
import { queryIn } from './query.ts'

const known = ['limit', 'cursor']

test('takes each known parameter once', () => {
  expect(queryIn('http://x/v1/me/requests', known)).toEqual({})
  expect(queryIn('http://x/?limit=5&cursor=a%20b', known)).toEqual({ limit: '5', cursor: 'a b' })
})

test.each([
  ['?status=error', "Unknown parameter 'status': one of limit, cursor was expected."],
  ['?__proto__=1', "Unknown parameter '__proto__': one of limit, cursor was expected."],
  ['?limit=1&limit=2', "The parameter 'limit' stands twice in the query."],
])('refuses %s by name', (query, message) => {
  expect(() => queryIn(`http://x/${query}`, known)).toThrow(message)
})
