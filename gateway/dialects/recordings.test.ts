import { describe, expect, test } from 'vitest'
import { type Reading, totals } from '../domain/usage.ts'
import { type Expected, openaiRecordings, recordingsDir } from '../e2e/recordings.ts'
import { JsonAnswerMeter } from './json-answer-meter.ts'
import type { Meter } from './meter.ts'
import { readChatAnswer } from './openai-chat/answer.ts'
import { ChatStreamMeter } from './openai-chat/stream-meter.ts'
import { readEmbeddingsAnswer } from './openai-embeddings/answer.ts'
import { eventEnd, readEvent } from './sse.ts'

/** Every cut position of every stream takes minutes; the short form cuts at every position of the last bytes and at a stride before. */
const everyCut = process.env['TOLLGATE_TORTURE'] === '1'

const { taken, left } = openaiRecordings()
const answered = taken.filter(({ status }) => status < 400)
const streams = answered.filter(({ stream }) => stream)
const bodies = answered.filter(({ stream }) => !stream)

function run(meter: Meter, chunks: readonly Buffer[]): { reading: Reading; passed: Buffer } {
  const passed: Buffer[] = []
  for (const chunk of chunks) {
    const out = meter.write(chunk)
    if (out) passed.push(out)
  }
  const reading = meter.reading()
  const tail = meter.tail()
  if (tail) passed.push(tail)
  return { reading, passed: Buffer.concat(passed) }
}

function check(reading: Reading, expected: Expected): void {
  const sums = totals(reading.usage)
  if (!expected.usage_reported) {
    expect(reading.source).toBe('none')
    return
  }
  expect(reading.source).toBe('provider')
  if (expected.accepted_input_tokens) expect(expected.accepted_input_tokens).toContain(sums.input)
  else expect(sums.input).toBe(expected.input_tokens)
  expect(sums.output).toBe(expected.output_tokens)
  if (expected.reasoning_tokens !== undefined) {
    // What is part of the output cannot be more than the output, whatever was stated.
    expect(sums.reasoning ?? 0).toBe(Math.min(expected.reasoning_tokens, expected.output_tokens ?? 0))
  }
  if (expected.cached_input_tokens !== undefined) expect(sums.cached ?? 0).toBe(expected.cached_input_tokens)
  // Where read and written overlap, a token counts as read: parts are disjoint.
  if (expected.cache_write_tokens !== undefined && !expected.ambiguous) {
    expect(sums.cacheWrite ?? 0).toBe(expected.cache_write_tokens)
  }
  if (expected.provider_cost_usd) {
    expect(reading.providerCost).toBe(Math.round(expected.provider_cost_usd * 1e9))
  }
  for (const amount of Object.values(reading.usage)) expect(amount).toBeGreaterThanOrEqual(0)
}

function withoutUsageOnly(bytes: Buffer): Buffer {
  const kept: Buffer[] = []
  let at = 0
  for (let end = eventEnd(bytes, 0); end > 0; end = eventEnd(bytes, at)) {
    const event = bytes.subarray(at, end)
    const { data } = readEvent(event.toString())
    if (!(data?.startsWith('{') && /"choices"\s*:\s*\[\s*\]/.test(data) && /"usage"\s*:\s*\{/.test(data)))
      kept.push(event)
    at = end
  }
  return Buffer.concat([...kept, bytes.subarray(at)])
}

describe.skipIf(recordingsDir === undefined)('recorded answers of the OpenAI dialects', () => {
  test('are all accounted for', () => {
    process.stdout.write(
      `${taken.length} recordings of this dialect: ${streams.length} streams, ${bodies.length} whole answers, ` +
        `${taken.length - answered.length} errors; left out: ${left.join('; ') || 'none'}\n`,
    )
    expect(streams.length).toBeGreaterThan(30)
    expect(bodies.length).toBeGreaterThan(50)
  })

  test.each(bodies.map((recording) => [recording.id, recording] as const))(
    '%s: usage as expected, bytes as sent',
    (_, recording) => {
      const read = recording.api === 'embeddings' ? readEmbeddingsAnswer : readChatAnswer
      const { reading, passed } = run(new JsonAnswerMeter(read, undefined), [recording.body])
      check(reading, recording.expected)
      expect(passed.equals(recording.body)).toBe(true)
      if (recording.expected.error) expect(reading.error?.message).toBe(recording.expected.error.message)
    },
  )

  test.each(streams.map((recording) => [recording.id, recording] as const))(
    '%s: the same however it is cut',
    (_, recording) => {
      const { body, expected } = recording
      const without = withoutUsageOnly(body)
      const expectCut = (mode: 'keep' | 'drop', chunks: readonly Buffer[]) => {
        const meter = new ChatStreamMeter(mode)
        const { reading, passed } = run(meter, chunks)
        check(reading, expected)
        expect(passed.equals(mode === 'keep' ? body : without)).toBe(true)
        if (expected.error) expect(reading.error?.message).toBe(expected.error.message)
        else expect(meter.complete).toBe(expected.done_sentinel === true || typeof expected.finish_reason === 'string')
      }
      for (const mode of ['keep', 'drop'] as const) {
        expectCut(mode, [body])
        for (const size of [1, 7, 1000]) expectCut(mode, pieces(body, size))
      }
      const stride = everyCut ? 1 : Math.max(1, Math.floor(body.length / 200))
      for (let at = 1; at < body.length; at += at > body.length - 400 ? 1 : stride) {
        expectCut('drop', [body.subarray(0, at), body.subarray(at)])
      }
    },
    everyCut ? 600_000 : 20_000,
  )
})

function pieces(body: Buffer, size: number): Buffer[] {
  const cut: Buffer[] = []
  for (let at = 0; at < body.length; at += size) cut.push(body.subarray(at, at + size))
  return cut
}
