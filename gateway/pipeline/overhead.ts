import type { Attempt, Entry } from './entry.ts'

/** What the gateway itself took before it sent an attempt: since the call came, or since the attempt before it ended. */
export function overheadBeforeMs({ call, attempts }: Entry, { number, sentMs }: Attempt): number {
  const before = attempts[number - 2]?.outcome
  return sentMs - (before?.endedMs ?? call.startedMs)
}

/** The same of this attempt and all before it: the waits for providers taken out. */
export function overheadSoFarMs(entry: Entry, attempt: Attempt): number {
  return entry.attempts.slice(0, attempt.number).reduce((sum, each) => sum + overheadBeforeMs(entry, each), 0)
}
