import { expect, test } from 'vitest'
import { uuidV7 } from '../domain/id.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { OpenAttempts } from './open-attempts.ts'
import { openedRow } from './sample-row.fixture.ts'

const call = uuidV7(1)

function attempt(number: number, callId = call): UsageRow {
  return { ...openedRow(uuidV7(number)), call_id: callId, attempt: number }
}

function orphansOf(open: OpenAttempts): readonly (readonly [attempt: number, calls: number])[] {
  return open.orphans((row) => row).map((row) => [row.attempt, row.calls])
}

test('of the attempts of a call that died, the last counts as the call', () => {
  const open = new OpenAttempts()
  for (const row of [attempt(1), attempt(2), attempt(1, uuidV7(2)), attempt(3)]) open.begin(row)
  expect(orphansOf(open)).toEqual([
    [1, 0],
    [2, 0],
    [1, 1],
    [3, 1],
  ])
})

test('an attempt is not the last where a later one is known to have ended', () => {
  const [first, second] = [attempt(1), attempt(2)]
  const open = new OpenAttempts()
  open.begin(first)
  open.begin(second)
  open.end(second.id)
  expect(orphansOf(open)).toEqual([[1, 0]])
  open.end(first.id)
  open.end(first.id)
  expect(open.size).toBe(0)
})

test('an attempt that was written again is still one, and its call ends with it', () => {
  const [first, next] = [attempt(2), attempt(1)]
  const open = new OpenAttempts()
  open.begin(first)
  open.begin(first)
  open.end(first.id)
  // Nothing is remembered of a call whose attempts have all ended.
  open.begin(next)
  expect(orphansOf(open)).toEqual([[1, 1]])
})

test('an attempt that was never sent is no orphan, and the one before it counts as the call', () => {
  const [first, refused] = [attempt(1), attempt(2)]
  const open = new OpenAttempts()
  open.begin(first)
  open.begin(refused)
  open.unsent(refused.id)
  expect(orphansOf(open)).toEqual([[1, 1]])
  open.unsent(refused.id)
  expect(open.size).toBe(1)
})
