import { describe, expect, test } from 'vitest'
import type { Meter } from '../dialects/meter.ts'
import type { Reading } from '../domain/usage.ts'
import { callOf } from './call.fixture.ts'
import { providers } from './index.ts'

// What each provider's wire has that OpenAI's has not, written from its documented format.

const json = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const said = (content: string, more: object = {}) =>
  json({ id: 'c', model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }], ...more })
const end = (more: object = {}) =>
  json({ id: 'c', model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], ...more })
const done = 'data: [DONE]\n\n'
const usage = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 }
const usageOnly = json({ id: 'c', model: 'm', choices: [], usage })
const ticks = json({
  id: 'c',
  model: 'm',
  choices: [],
  usage: {
    prompt_tokens: 12,
    completion_tokens: 1,
    total_tokens: 303,
    completion_tokens_details: { reasoning_tokens: 290 },
    cost_in_usd_ticks: 1_466_250,
  },
})

interface Wire {
  readonly events: readonly string[]
  /** The event that the client did not ask for. */
  readonly dropped?: string
  readonly reading: object
  readonly complete: boolean
}

const plain = { source: 'provider', usage: { input: 5, output: 3 }, finish: 'stop' }

const streams: Readonly<Record<string, Wire>> = {
  'azure: what it filtered, before anything is said': {
    events: [
      json({ choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: [{ prompt_index: 0 }] }),
      said('a'),
      end(),
      usageOnly,
      done,
    ],
    dropped: usageOnly,
    reading: plain,
    complete: true,
  },
  'openrouter: comments while it works, and its cost': {
    events: [
      ': OPENROUTER PROCESSING\n\n',
      ': OPENROUTER PROCESSING\n\n',
      said('a', { provider: 'Acme' }),
      end({ provider: 'Acme', usage: { ...usage, cost: 0.000776 } }),
      done,
    ],
    reading: { ...plain, providerCost: 776_000 },
    complete: true,
  },
  'openrouter: an error of the provider behind it, with an end all the same': {
    events: [said('a'), end({ error: { code: 502, message: 'Provider disconnected' } }), done],
    reading: { source: 'none', error: { code: '502', message: 'Provider disconnected' } },
    complete: false,
  },
  'groq: usage in a member of its own': {
    events: [said('a', { x_groq: { id: 'req_1' } }), end({ x_groq: { id: 'req_1', usage } }), done],
    reading: plain,
    complete: true,
  },
  'groq: an event that is an error, and nothing behind it': {
    events: [said('a'), `event: error\n${json({ error: { message: 'no such tool', code: 'tool_use_failed' } })}`],
    reading: { source: 'none', said: 'a', error: { code: 'tool_use_failed', message: 'no such tool' } },
    complete: false,
  },
  'perplexity: usage in every chunk, the last one counts, and no end but the finish': {
    events: [
      said('a', { usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 }, citations: ['https://a.b'] }),
      end({ usage: { ...usage, cost: { request_cost: 0.005, total_cost: 0.00502 } } }),
    ],
    reading: { ...plain, providerCost: 5_020_000 },
    complete: true,
  },
  'mistral: usage with the finish': {
    events: [said('a'), end({ usage: { ...usage, num_cached_tokens: 2 } }), done],
    reading: { ...plain, usage: { input: 3, cache_read: 2, output: 3 } },
    complete: true,
  },
  'xai: thoughts beside the completion, and its cost in ticks': {
    events: [said('a', { usage: null }), end(), ticks, done],
    dropped: ticks,
    reading: { source: 'provider', usage: { input: 12, output: 1, reasoning: 290 }, providerCost: 146_625 },
    complete: true,
  },
  'gemini: thoughts in the total only': {
    events: [said('a'), end({ usage: { prompt_tokens: 35, completion_tokens: 12, total_tokens: 109 } }), done],
    reading: { source: 'provider', usage: { input: 35, output: 12, reasoning: 62 } },
    complete: true,
  },
  'deepseek: comments that keep alive, and the cache in members of its own': {
    events: [
      ': keep-alive\n\n',
      said('a'),
      end({ usage: { ...usage, prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 1 } }),
      done,
    ],
    reading: { ...plain, usage: { input: 1, cache_read: 4, output: 3 } },
    complete: true,
  },
  'vllm: no usage, said in every chunk': {
    events: [said('a', { usage: null }), said('b', { usage: null }), end({ usage: null }), done],
    reading: { source: 'none', said: 'ab', finish: 'stop' },
    complete: true,
  },
  'vllm: a refusal in place of an answer': {
    events: [json({ error: { object: 'error', message: 'too long', type: 'BadRequestError', code: 400 } }), done],
    reading: { source: 'none', error: { code: '400', message: 'too long' } },
    complete: false,
  },
  'writer: usage last, and no end': {
    events: [said('a', { usage: null }), end({ usage: null }), usageOnly],
    dropped: usageOnly,
    reading: plain,
    complete: true,
  },
  'together: texts of plain completions beside those of chat': {
    events: [
      json({ choices: [{ index: 0, text: 'a', delta: { content: 'a' }, finish_reason: null }] }),
      json({ choices: [{ index: 0, text: '', delta: { content: '' }, finish_reason: 'stop' }] }),
      done,
    ],
    reading: { source: 'none', said: 'a' },
    complete: true,
  },
}

function meterOf(id: string, stream: boolean): Meter {
  const adapter = providers.get(id)
  if (!adapter) throw new Error(`no provider ${id}`)
  const headers = { 'content-type': stream ? 'text/event-stream' : 'application/json' }
  return adapter.meter(callOf(JSON.stringify({ model: 'm', messages: [{}], stream })), { status: 200, headers })
}

function run(meter: Meter, chunks: readonly Buffer[]): { readonly passed: string; readonly reading: Reading } {
  const passed = chunks.map((chunk) => meter.write(chunk)).filter((chunk) => chunk !== undefined)
  const reading = meter.reading()
  return { passed: Buffer.concat([...passed, meter.tail() ?? Buffer.alloc(0)]).toString(), reading }
}

describe('a stream is metered, and passed but for what was not asked for', () => {
  test.each(Object.entries(streams))('%s', (name, { events, dropped, reading, complete }) => {
    const bytes = Buffer.from(events.join(''))
    const left = events.filter((event) => event !== dropped).join('')
    const singles = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
    const halves = Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)])
    for (const chunks of [[bytes], singles, ...halves]) {
      const meter = meterOf(name.split(':')[0] ?? '', true)
      const ended = run(meter, chunks)
      expect(ended.passed).toBe(left)
      expect(ended.reading).toMatchObject(reading)
      expect(meter.complete).toBe(complete)
    }
  })
})

describe('a whole answer is metered, and passed byte for byte', () => {
  const answer = (more: object) => ({
    model: 'm',
    choices: [{ message: { content: 'a' }, finish_reason: 'stop' }],
    ...more,
  })
  test.each([
    [
      'openrouter',
      `\n         \n\n         \n${JSON.stringify(answer({ usage: { ...usage, cost: 0.5 } }))}`,
      { ...plain, providerCost: 500_000_000 },
    ],
    [
      'mistral',
      JSON.stringify(
        answer({
          usage: {
            prompt_tokens: 9,
            completion_tokens: 248,
            total_tokens: 632,
            prompt_tokens_details: { audio_tokens: 375 },
          },
        }),
      ),
      { usage: { input: 9, input_audio: 375, output: 248 } },
    ],
    [
      'azure',
      JSON.stringify({
        error: { message: 'filtered', type: null, param: 'prompt', code: 'content_filter', status: 400 },
      }),
      { source: 'none', error: { code: 'content_filter', message: 'filtered' } },
    ],
  ])('of %s', (id, body, reading) => {
    const { passed, reading: made } = run(meterOf(id, false), [Buffer.from(body)])
    expect(passed).toBe(body)
    expect(made).toMatchObject(reading)
  })
})
