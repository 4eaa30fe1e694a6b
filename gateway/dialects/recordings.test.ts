import { describe, expect, test } from 'vitest'
import { type Reading, totals } from '../domain/usage.ts'
import {
  contentTypeOf,
  type DialectRecording,
  dialectRecordings,
  type Expected,
  recordingsDir,
} from '../e2e/recordings.ts'
import { callOf } from '../providers/call.fixture.ts'
import { providers } from '../providers/index.ts'
import type { Meter } from './meter.ts'
import { eventEnd, readEvent } from './sse.ts'

/** Every cut position of every stream takes minutes; the short form cuts at every position of the last bytes and at a stride before. */
const everyCut = process.env['TOLLGATE_TORTURE'] === '1'

const { taken, left } = dialectRecordings()
const answered = taken.filter(({ status }) => status < 400)
const streams = answered.filter(({ stream }) => stream)
const bodies = answered.filter(({ stream }) => !stream)

/** How many there are of each provider: one that is lost, or no longer taken, must not be lost in silence. */
const counts: Readonly<Record<string, number>> = {
  ...{ alibaba: 3, azure: 13, 'bedrock-mantle': 1, cerebras: 3, crusoe: 3, deepseek: 10, gemini: 1 },
  ...{ 'gpustack-llamabox': 5, groq: 11, heroku: 1, huggingface: 3, 'litellm-proxy': 2, mistral: 12, ollama: 3 },
  ...{ 'ollama-cloud': 5, openai: 25, openrouter: 16, perplexity: 5, 'pydantic-gateway': 1, snowflake: 2 },
  ...{ together: 3, vllm: 6, voyage: 2, writer: 6, xai: 2, zai: 2 },
}
/** Of providers that speak a dialect of their own as well, how many are in that one. */
const leftCounts: Readonly<Record<string, number>> = { anthropic: 2, cohere: 10, gemini: 2, ollama: 1 }

function countByProvider(ids: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(Object.groupBy(ids, (id) => id.split('/')[0] ?? '')).map(([id, of = []]) => [id, of.length]),
  )
}

/** The meter that the recording's own provider puts to its answer. */
function meterOf(recording: DialectRecording, usage: 'keep' | 'drop'): Meter {
  const { dialect, provider, stream, status } = recording
  const asked = { messages: [{}], prompt: '', input: 'x', stream, stream_options: { include_usage: usage === 'keep' } }
  const adapter = providers.get(provider)
  if (!adapter) throw new Error(`no provider ${provider}`)
  const call = callOf(JSON.stringify({ model: 'm', ...asked }), dialect)
  return adapter.meter(call, { status, headers: { 'content-type': contentTypeOf(recording) } })
}

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
    expect(countByProvider(taken.map(({ id }) => id))).toEqual(counts)
    expect(countByProvider(left)).toEqual(leftCounts)
  })

  test.each(bodies.map((recording) => [recording.id, recording] as const))(
    '%s: usage as expected, bytes as sent',
    (_, recording) => {
      const { reading, passed } = run(meterOf(recording, 'keep'), [recording.body])
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
        const meter = meterOf(recording, mode)
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
