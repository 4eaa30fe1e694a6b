import { expect, test } from 'vitest'
import { attemptsMaxIn, clientRetriesIn, retriedAttemptsMax } from './attempts.ts'

test.each([
  [{}, undefined],
  [{ 'x-tollgate-max-attempts': '1' }, 1],
  [{ 'x-tollgate-max-attempts': '3', 'cf-aig-max-attempts': '1' }, 3],
  [{ 'cf-aig-max-attempts': '2' }, 2],
  [{ 'x-portkey-retry-count': '5' }, 3],
  [{ 'helicone-retry-enabled': 'false' }, 1],
  [{ 'x-stainless-retry-count': '0' }, undefined],
  [{ 'x-stainless-retry-count': '1' }, retriedAttemptsMax],
  [{ 'x-stainless-retry-count': '2', 'x-tollgate-max-attempts': '3' }, retriedAttemptsMax],
  [{ 'x-stainless-retry-count': '2', 'x-tollgate-max-attempts': '1' }, 1],
  [{ 'x-stainless-retry-count': 'many' }, undefined],
])('by %j a call gets %s attempts', (headers: Record<string, string>, attempts) => {
  expect(attemptsMaxIn(headers)).toBe(attempts)
})

test.each(['0', '4', '1.5', '', 'all'])('"x-tollgate-max-attempts: %s" is refused by name', (value) => {
  const refusal = { code: 'invalid_header', detail: { param: 'x-tollgate-max-attempts' } }
  expect(() => attemptsMaxIn({ 'x-tollgate-max-attempts': value })).toThrow(expect.objectContaining(refusal))
})

test('an SDK’s tries are counted where it tells of them', () => {
  expect(['2', '0', '-1', '1e9x'].map((value) => clientRetriesIn({ 'x-stainless-retry-count': value }))).toEqual([
    2, 0, 0, 0,
  ])
})
