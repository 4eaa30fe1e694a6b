import { describe, expect, test } from 'vitest'
import { chatChoice } from './openai-chat/choice.ts'
import { OpenaiStreamMeter } from './openai-stream-meter.ts'

const chunk = (delta: unknown, finish: string | null = null, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }], ...more })}`
const usage = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 } })}`
const lines = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Žluť' }),
  chunk({ content: '"choices":[{' }),
  chunk({}, 'stop'),
  usage,
  'data: [DONE]',
]

/** Every way of cutting that finds mistakes: whole, byte by byte, and once at each position. */
function cuts(bytes: Buffer): Buffer[][] {
  const singles = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  const halves = Array.from(bytes, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)])
  return [[bytes], singles, ...halves]
}

function run(mode: 'keep' | 'drop' | 'hold', chunks: readonly Buffer[], member?: Record<string, unknown>) {
  const meter = new OpenaiStreamMeter(chatChoice, mode)
  const passed: Buffer[] = []
  for (const each of chunks) {
    const out = meter.write(each)
    if (out) passed.push(out)
  }
  const before = Buffer.concat(passed).toString()
  const reading = meter.reading()
  const tail = meter.tail(member)?.toString() ?? ''
  return { meter, reading, before, tail, all: before + tail }
}

describe('a metered stream', () => {
  test.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('framed by %s is the same however it is cut', (_, eol) => {
    const events = lines.map((line) => line + eol + eol)
    const whole = events.join('')
    const without = events.filter((event) => !event.startsWith(usage)).join('')
    for (const chunks of cuts(Buffer.from(whole))) {
      const kept = run('keep', chunks)
      expect(kept.all).toBe(whole)
      const dropped = run('drop', chunks)
      expect(dropped.all).toBe(without)
      for (const { reading, meter } of [kept, dropped]) {
        expect(reading).toMatchObject({
          source: 'provider',
          usage: { input: 5, output: 3 },
          finish: 'stop',
          servedModel: 'm',
        })
        expect(meter.complete).toBe(true)
      }
    }
  })

  test.each([
    ['a byte order mark', (text: string) => `\uFEFF${text}`],
    ['comments between', (text: string) => text.replaceAll('\n\n', '\n\n: ping\n\n')],
    ['event names', (text: string) => text.replaceAll('data:', 'event: chunk\ndata:')],
    ['no space behind the colon', (text: string) => text.replaceAll('data: ', 'data:')],
    ['no final blank line', (text: string) => text.trimEnd()],
    [
      'blanks inside the JSON',
      (text: string) => text.replaceAll('"choices":[', '"choices": [ ').replaceAll('"usage":{', '"usage" : {'),
    ],
    ['a member that every chunk has', (text: string) => text.replaceAll('"created":1', '"created":1,"sla":{"ms":1}')],
  ])('with %s is metered and passed untouched', (_, change) => {
    const text = change(lines.map((line) => `${line}\n\n`).join(''))
    for (const chunks of cuts(Buffer.from(text))) {
      const kept = run('keep', chunks)
      expect(kept.all).toBe(text)
      expect(kept.reading).toMatchObject({ source: 'provider', usage: { input: 5, output: 3 } })
      expect(run('drop', chunks).all).not.toMatch(/"completion_tokens"/)
    }
  })

  test('holds its terminal event back until the row is written', () => {
    const { before, tail } = run('drop', [Buffer.from(lines.map((line) => `${line}\n\n`).join(''))])
    expect(before).not.toContain('[DONE]')
    expect(tail).toBe('data: [DONE]\n\n')
  })

  test('takes a member into its usage event where it was asked for', () => {
    const { tail } = run('hold', [Buffer.from(lines.map((line) => `${line}\n\n`).join(''))], { cost_usd: '0.1' })
    const [event, done] = tail.split('\n\n')
    expect(JSON.parse(event?.slice(6) ?? '')).toMatchObject({
      usage: { total_tokens: 8 },
      tollgate: { cost_usd: '0.1' },
    })
    expect(done).toBe('data: [DONE]')
  })

  test('keeps events without choices that say something', () => {
    const filter =
      'data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[{"x":1}]}\n\n'
    const filtered =
      'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1},"prompt_filter_results":[]}\n\n'
    expect(run('drop', [Buffer.from(filter + filtered)]).all).toBe(filter + filtered)
  })

  test('that ends without its end is not complete, and what was said is kept for counting', () => {
    const { meter, reading } = run('drop', [
      Buffer.from(`${chunk({ content: 'one ' })}\n\n${chunk({ content: 'two' })}\n\n`),
    ])
    expect(meter.complete).toBe(false)
    expect(reading).toMatchObject({ source: 'none', usage: {}, said: 'one two' })
  })

  test('says thoughts, refusals and tool calls too', () => {
    const call = [{ index: 0, function: { name: 'f', arguments: '{"a":1}' } }]
    const said = [chunk({ reasoning_content: 'hm ' }), chunk({ refusal: 'no ' }), chunk({ tool_calls: call })]
    expect(run('drop', [Buffer.from(said.map((line) => `${line}\n\n`).join(''))]).reading.said).toBe('hm no f{"a":1}')
  })

  test('with an error in it is no whole answer', () => {
    const error = 'event: error\ndata: {"error":{"message":"overloaded","code":"busy"}}\n\n'
    const { meter, reading, all } = run('drop', [Buffer.from(`${chunk({ content: 'x' })}\n\n${error}`)])
    expect(all.endsWith(error)).toBe(true)
    expect(meter.complete).toBe(false)
    expect(reading.error).toEqual({ code: 'busy', message: 'overloaded' })
  })

  test('with an error beside choices that stand where they always do is no whole answer either', () => {
    const events = [chunk({ content: 'x' }), chunk({ content: 'y' }, 'error', { error: { message: 'lost' } })]
    for (const chunks of [events, [events.join('\n\n')]]) {
      const { meter, reading } = run(
        'drop',
        chunks.map((event) => Buffer.from(`${event}\n\n`)),
      )
      expect(meter.complete).toBe(false)
      expect(reading.error?.message).toBe('lost')
    }
  })

  test.each([
    ['usage', [usage], [chunk({}, 'stop')]],
    ['the finish reason', [chunk({}, 'stop')], [usage]],
    ['both', [chunk({}, 'stop'), usage], []],
  ])('tells %s also where much follows it', (_, early, late) => {
    const long = Array.from({ length: 8 }, () => chunk({ content: 'x'.repeat(1_000) }))
    const events = [chunk({ content: 'x' }), ...early, ...long, ...late, 'data: [DONE]'].map((line) => `${line}\n\n`)
    for (const chunks of [events, [events.join('')]]) {
      const { reading } = run(
        'drop',
        chunks.map((each) => Buffer.from(each)),
      )
      expect(reading).toMatchObject({ source: 'provider', usage: { input: 5, output: 3 }, finish: 'stop' })
    }
  })

  test('passes malformed events untouched and goes on', () => {
    const text = `data: {not json\n\n${lines.map((line) => `${line}\n\n`).join('')}`
    const { all, reading } = run('keep', [Buffer.from(text)])
    expect(all).toBe(text)
    expect(reading.source).toBe('provider')
  })

  test('of any length is read in pieces', () => {
    const many = Array.from({ length: 2000 }, (_, i) => `${chunk({ content: `w${i} ` })}\n\n`)
    const { reading, meter } = run(
      'drop',
      many.map((event) => Buffer.from(event)),
    )
    expect(reading.said?.split(' ')).toHaveLength(2001)
    expect(meter.running).toBeGreaterThanOrEqual(1999)
  })

  test('refuses an event that never ends', () => {
    const meter = new OpenaiStreamMeter(chatChoice, 'drop')
    const block = Buffer.alloc(1024 * 1024, 'x')
    expect(() => {
      for (let i = 0; i < 6; i++) meter.write(block)
    }).toThrow(/4 MiB/)
  })
})
