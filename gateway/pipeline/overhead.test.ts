import { expect, test } from 'vitest'
import type { Attempt, Entry } from './entry.ts'
import { overheadBeforeMs, overheadSoFarMs } from './overhead.ts'

test('overhead is what lies between providers: the waits for them are none of it', () => {
  const attempt = (number: number, sentMs: number, endedMs?: number) =>
    ({ number, sentMs, ...(endedMs !== undefined && { outcome: { endedMs } }) }) as Attempt
  // Sent after 3 ms; failed after two seconds; the next one sent 2 ms later.
  const attempts = [attempt(1, 103, 2_103), attempt(2, 2_105)]
  const entry = { call: { startedMs: 100 }, attempts } as unknown as Entry
  expect(attempts.map((each) => overheadBeforeMs(entry, each))).toEqual([3, 2])
  expect(attempts.map((each) => overheadSoFarMs(entry, each))).toEqual([3, 5])
})
