import { expect, test } from 'vitest'
import type { Call } from '../domain/call.ts'
import type { Candidate, Timeouts } from '../domain/connection.ts'
import { Deadlines } from './deadlines.ts'

const timeouts: Timeouts = { connectMs: 10, firstByteMs: 100, firstTokenMs: 200, idleMs: 300, totalMs: 1_000 }

/** The deadlines of a call that began at 5000, as they stand at `nowMs`, when the attempt is sent. */
function deadlines(nowMs: number, client: Partial<Call> = {}, stream = true, sentMs = nowMs): Deadlines {
  const call = { startedMs: 5_000, asked: { stream }, ...client } as Call
  const candidate = { connection: { timeouts }, model: 'm', rank: 0 } as unknown as Candidate
  return new Deadlines(call, candidate, { now: () => 0, elapsed: () => nowMs }, sentMs)
}

/** Of an attempt that was sent at once. */
const sent = (nowMs: number, client: Partial<Call> = {}): Deadlines => deadlines(nowMs, client, true, 5_000)

test('a stream has the time to its first byte for its head, a whole answer all the time there is', () => {
  expect(deadlines(5_000).head).toEqual({ ms: 100, late: 'timeout' })
  expect(deadlines(5_000, {}, false).head).toEqual({ ms: 1_000, late: 'timeout' })
})

test('what earlier attempts used of the whole time is gone', () => {
  expect(deadlines(5_950).head).toEqual({ ms: 50, late: 'timeout' })
  expect(deadlines(5_999).total).toBeUndefined()
  expect(deadlines(6_000).total).toBe('timeout')
})

test("a client's shorter deadline is nobody's fault, a longer one changes nothing", () => {
  expect(deadlines(5_000, { timeoutMs: 40 }).head).toEqual({ ms: 40, late: 'deadline' })
  expect(deadlines(5_040, { timeoutMs: 40 }).total).toBe('deadline')
  expect(deadlines(6_000, { timeoutMs: 5_000 }).total).toBe('timeout')
})

test('a stream may take its time to the first content, and no longer than that between events', () => {
  const head = { headMs: 5_100, lastChunkMs: 0, firstTokenMs: undefined }
  expect(sent(5_200).silence(5_200, head)).toBeUndefined()
  expect(sent(5_201).silence(5_201, head)).toBe('timeout')
  // Its events before the first content may be as far apart as that.
  const begun = { headMs: 5_100, lastChunkMs: 5_400, firstTokenMs: 5_150 }
  expect(sent(5_700).silence(5_700, begun)).toBeUndefined()
  expect(sent(5_701).silence(5_701, begun)).toBe('timeout')
})

test("a client's own patience for the first content is for all attempts, their heads included", () => {
  const head = { headMs: 5_010, lastChunkMs: 0, firstTokenMs: undefined }
  expect(deadlines(5_020, { firstTokenTimeoutMs: 50 }).head).toEqual({ ms: 30, late: 'deadline' })
  expect(deadlines(5_020, { firstTokenTimeoutMs: 50 }, false).head.ms).toBe(980)
  expect(sent(5_049, { firstTokenTimeoutMs: 50 }).silence(5_049, head)).toBeUndefined()
  expect(sent(5_050, { firstTokenTimeoutMs: 50 }).silence(5_050, head)).toBe('deadline')
  expect(sent(5_201, { firstTokenTimeoutMs: 500 }).silence(5_201, head)).toBe('timeout')
  expect(deadlines(5_060, { firstTokenTimeoutMs: 50 }).spareMs).toBe(-10)
})
