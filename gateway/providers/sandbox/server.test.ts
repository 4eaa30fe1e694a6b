import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI, { APIError } from 'openai'
import { Agent, fetch, request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { openSandbox, type Sandbox } from './server.ts'
import { tokensOf } from './tokens.ts'

const folder = mkdtempSync(join(tmpdir(), 'sandbox-'))
const socketPath = join(folder, 'sandbox.sock')
const dispatcher = new Agent({ connect: { socketPath } })
let sandbox: Sandbox

beforeAll(async () => {
  sandbox = await openSandbox({ socketPath, clock: systemClock })
})

afterAll(async () => {
  await sandbox.close()
  await dispatcher.destroy()
  rmSync(folder, { recursive: true })
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

async function post(path: string, body: unknown): Promise<Answer> {
  const answer = await request(`http://sandbox${path}`, {
    dispatcher,
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
}

const user = (content: string) => [{ role: 'user', content }]

/** The parts of a chat completion that tests look at. */
interface Completion {
  readonly choices: readonly {
    readonly finish_reason: string
    readonly message: { readonly content: string | null; readonly reasoning_content?: string }
  }[]
  readonly usage: Usage
}

interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly completion_tokens_details: { readonly reasoning_tokens: number }
}

interface Chunk {
  readonly choices: readonly { readonly index: number; readonly delta: { readonly content?: string } }[]
  readonly usage?: Usage | null
}

async function chat(model: string, text: string, more: object = {}): Promise<Completion> {
  const answer = await post('/v1/chat/completions', { model, messages: user(text), ...more })
  expect(answer.status, answer.text).toBe(200)
  return JSON.parse(answer.text)
}

/** The events of a stream, without `data: `. */
async function stream(model: string, text: string, more: object = {}): Promise<string[]> {
  const { text: bytes } = await post('/v1/chat/completions', { model, messages: user(text), stream: true, ...more })
  expect(bytes.endsWith('\n\n')).toBe(true)
  return bytes
    .slice(0, -2)
    .split('\n\n')
    .map((event) => event.slice('data: '.length))
}

const chunksOf = (events: readonly string[]): Chunk[] =>
  events.filter((event) => event !== '[DONE]').map((event): Chunk => JSON.parse(event))

const saidIn = (chunks: readonly Chunk[], index = 0) =>
  chunks.flatMap(({ choices }) =>
    choices.filter((choice) => choice.index === index).map(({ delta }) => delta.content ?? ''),
  )

describe('an answer', () => {
  test('says back what was said, with usage that adds up', async () => {
    const text = 'The quick brown fox, jumping.'
    const { choices, usage } = await chat('sandbox/echo', text)
    expect(choices).toMatchObject([{ message: { content: text }, finish_reason: 'stop' }])
    const tokens = tokensOf(text).length
    expect(usage).toMatchObject({ prompt_tokens: tokens + 6, completion_tokens: tokens, total_tokens: 2 * tokens + 6 })
    expect(usage).toHaveProperty('prompt_tokens_details.cached_tokens', 0)
  })

  test('is about the last thing the user said; the prompt is all that was said', async () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      ...user('first'),
      { role: 'assistant', content: null },
      {
        role: 'user',
        name: 'ana',
        content: [
          { type: 'text', text: 'sec' },
          { type: 'text', text: 'ond' },
        ],
      },
      { role: 'assistant', content: 'well' },
    ]
    const { choices, usage } = await chat('sandbox/fast', '', { messages })
    expect(choices[0]?.message.content).toBe('second')
    expect(usage.prompt_tokens).toBe(3 + 5 * 3 + 3 + 1 + 0 + 2 + 1)
  })

  test('takes the time that its tokens take', async () => {
    const began = performance.now()
    await chat('sandbox/echo', 'one two three four five six seven eight nine ten')
    expect(performance.now() - began).toBeGreaterThanOrEqual(190)
  })

  test('ends at the cap, at a stop, and comes as often as asked', async () => {
    const capped = await chat('sandbox/fast', 'one two three four', { max_tokens: 2, n: 3 })
    expect(capped.choices.map(({ message }) => message.content)).toEqual(['one two', 'one two', 'one two'])
    expect(capped.choices[0]?.finish_reason).toBe('length')
    expect(capped.usage.completion_tokens).toBe(6)
    const exact = await chat('sandbox/fast', 'one two', { max_completion_tokens: 2 })
    expect(exact.choices[0]?.finish_reason).toBe('stop')
    const stopped = await chat('sandbox/fast', 'one two three four', { stop: ['four', ' three'] })
    expect(stopped.choices[0]).toMatchObject({ message: { content: 'one two' }, finish_reason: 'stop' })
  })

  test('is JSON where JSON is asked for', async () => {
    const json = async (text: string, response_format: object) =>
      JSON.parse((await chat('sandbox/fast', text, { response_format })).choices[0]?.message.content ?? '')
    expect(await json('say "so"', { type: 'json_object' })).toEqual({ said: 'say "so"' })
    expect(await json('{"a":1}', { type: 'json_object' })).toEqual({ a: 1 })
    const schema = { type: 'object', properties: { city: { type: 'string' } } }
    const format = { type: 'json_schema', json_schema: { name: 'place', schema } }
    expect(await json('where?', format)).toEqual({ city: 'example city' })
  })

  test('of the family lorem has as many tokens as its name says', async () => {
    const { usage } = await chat('sandbox/lorem-7', 'go')
    expect(usage.completion_tokens).toBe(7)
    expect(chunksOf(await stream('sandbox/lorem-12', 'go')).length).toBe(12 + 2)
  })

  test('of the thinking model counts its thoughts, and caps them first', async () => {
    const { choices, usage } = await chat('sandbox/reasoning', 'why not')
    expect(choices[0]?.message.content).toBe('why not')
    expect(choices[0]?.message.reasoning_content).toContain('2 words')
    const { reasoning_tokens } = usage.completion_tokens_details
    expect(reasoning_tokens).toBe(tokensOf(choices[0]?.message.reasoning_content ?? '').length)
    expect(usage.completion_tokens).toBe(reasoning_tokens + 2)
    const capped = await chat('sandbox/reasoning', 'why not', { max_completion_tokens: 5 })
    expect(capped.choices[0]).toMatchObject({ message: { content: '' }, finish_reason: 'length' })
  })
})

describe('a stream', () => {
  test('says one token at a time, and no usage that was not asked for', async () => {
    const events = await stream('sandbox/echo', 'one, two')
    expect(events.at(-1)).toBe('[DONE]')
    const chunks = chunksOf(events)
    expect(saidIn(chunks)).toEqual(['', 'one', ',', ' two', ''])
    expect(chunks[0]).toMatchObject({ choices: [{ delta: { role: 'assistant' }, finish_reason: null }] })
    expect(chunks.at(-1)).toMatchObject({ choices: [{ delta: {}, finish_reason: 'stop' }] })
    expect(chunks.some((chunk) => 'usage' in chunk)).toBe(false)
  })

  test('states usage right before its end, where it was asked for, and null before that', async () => {
    const events = await stream('sandbox/fast', 'one two', { stream_options: { include_usage: true } })
    const chunks = chunksOf(events)
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true)
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 8, completion_tokens: 2, total_tokens: 10 },
    })
    expect(events.at(-2)).toBe(JSON.stringify(chunks.at(-1)))
  })

  test('carries every choice', async () => {
    const chunks = chunksOf(await stream('sandbox/fast', 'one two', { n: 2, max_tokens: 1 }))
    for (const index of [0, 1]) expect(saidIn(chunks, index).join('')).toBe('one')
  })

  test('of an empty message ends well', async () => {
    expect(saidIn(chunksOf(await stream('sandbox/fast', '')))).toEqual(['', ''])
  })

  test('of the slow model begins at once and says its first token after three seconds', async () => {
    const began = performance.now()
    const { body } = await request('http://sandbox/v1/chat/completions', {
      dispatcher,
      method: 'POST',
      body: JSON.stringify({ model: 'sandbox/slow', messages: user('hello'), stream: true }),
    })
    const times: number[] = []
    for await (const _ of body) times.push(performance.now() - began)
    expect(times[0]).toBeLessThan(2_000)
    expect(times[1]).toBeGreaterThanOrEqual(2_990)
  })

  test('of a client that hangs up is over at once', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    const leaving = new AbortController()
    const streams = await Promise.all(
      Array.from({ length: 50 }, () =>
        request('http://sandbox/v1/chat/completions', {
          dispatcher,
          method: 'POST',
          body: JSON.stringify({ model: 'sandbox/lorem-10000', messages: user('go'), stream: true }),
          signal: leaving.signal,
        }),
      ),
    )
    const speaking = timers()
    expect(speaking).toBeGreaterThan(before + 40)
    leaving.abort()
    await Promise.all(streams.map(({ body }) => expect(body.text()).rejects.toThrow()))
    await expect.poll(timers).toBeLessThan(speaking - 40)
  })

  test('to a client that does not read waits for it', async () => {
    const { body } = await request('http://sandbox/v1/chat/completions', {
      dispatcher,
      method: 'POST',
      body: JSON.stringify({ model: 'sandbox/fast', messages: user('word '.repeat(50_000)), stream: true }),
    })
    const before = process.memoryUsage().rss
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
    expect((await body.text()).endsWith('data: [DONE]\n\n')).toBe(true)
  })

  test('is cheap: three hundred at once keep their pace', async () => {
    const began = performance.now()
    const streams = await Promise.all(Array.from({ length: 300 }, () => stream('sandbox/lorem-20', 'go')))
    expect(streams.every((events) => events.length === 20 + 3)).toBe(true)
    expect(performance.now() - began).toBeGreaterThanOrEqual(390)
  })
})

describe('what goes wrong', () => {
  test('goes wrong as often as the name says, evenly, and the same way each time', async () => {
    const statuses = async (model: string, calls: number) => {
      const answers = Array.from({ length: calls }, () => post('/v1/chat/completions', { model, messages: user('') }))
      return (await Promise.all(answers)).map(({ status }) => status)
    }
    const inTurn: number[] = []
    for (let i = 0; i < 6; i++) inTurn.push(...(await statuses('sandbox/flaky-50', 1)))
    expect(inTurn).toEqual([200, 500, 200, 500, 200, 500])
    expect(await statuses('sandbox/flaky-100', 3)).toEqual([500, 500, 500])
    expect(await statuses('sandbox/flaky-0', 3)).toEqual([200, 200, 200])
    expect((await statuses('sandbox/flaky-7', 100)).filter((status) => status === 500)).toHaveLength(7)
  })

  test('has the status that was asked for, in the shape of OpenAI', async () => {
    const limited = await post('/v1/chat/completions', { model: 'sandbox/error-429', messages: user('hi') })
    expect(limited.status).toBe(429)
    expect(limited.headers['retry-after']).toBe('1')
    expect(JSON.parse(limited.text)).toMatchObject({
      error: { type: 'requests', code: 'rate_limit_exceeded', param: null },
    })
    const failed = await post('/v1/chat/completions', {
      model: 'sandbox/error-503',
      messages: user('hi'),
      stream: true,
    })
    expect(failed.status).toBe(503)
    expect(failed.headers['retry-after']).toBeUndefined()
    expect(JSON.parse(failed.text)).toMatchObject({ error: { type: 'server_error' } })
  })

  test('in the middle takes the socket with it, streamed or not', async () => {
    const dropped = (more: object) =>
      post('/v1/chat/completions', { model: 'sandbox/midstream-drop', messages: user('one two three four'), ...more })
    await expect(dropped({ stream: true })).rejects.toThrow()
    await expect(dropped({})).rejects.toThrow()
    const { body } = await request('http://sandbox/v1/chat/completions', {
      dispatcher,
      method: 'POST',
      body: JSON.stringify({ model: 'sandbox/midstream-drop', messages: user('one two three four'), stream: true }),
    })
    let text = ''
    await expect(
      (async () => {
        for await (const chunk of body) text += String(chunk)
      })(),
    ).rejects.toThrow()
    expect(text).toContain('"content":"one"')
    expect(text).toContain('"content":" two"')
    expect(text).not.toContain('three')
  })

  test('may be silence, until the client has had enough', async () => {
    const bored = AbortSignal.timeout(300)
    const hanging = request('http://sandbox/v1/chat/completions', {
      dispatcher,
      method: 'POST',
      body: JSON.stringify({ model: 'sandbox/hang', messages: user('hello?') }),
      signal: bored,
    })
    await expect(hanging).rejects.toThrow('timeout')
  })

  const bad: readonly [unknown, number, string | null, string | null][] = [
    ['{"model":', 400, null, 'invalid_json'],
    ['[]', 400, 'body', 'invalid_value'],
    [{ messages: user('hi') }, 400, 'model', 'missing_required_parameter'],
    [{ model: 'sandbox/echo' }, 400, 'messages', 'missing_required_parameter'],
    [{ model: 'sandbox/echo', messages: [] }, 400, 'messages', 'invalid_value'],
    [{ model: 'sandbox/echo', messages: ['hi'] }, 400, 'messages[0]', 'invalid_value'],
    [{ model: 'sandbox/echo', messages: [{ role: 'robot', content: '' }] }, 400, 'messages[0].role', 'invalid_value'],
    [{ model: 'sandbox/echo', messages: [{ role: 'user' }] }, 400, 'messages[0].content', 'missing_required_parameter'],
    [{ model: 'sandbox/echo', messages: user('hi'), max_tokens: 0 }, 400, 'max_tokens', 'invalid_value'],
    [{ model: 'sandbox/echo', messages: user('hi'), max_tokens: 1.5 }, 400, 'max_tokens', 'invalid_value'],
    [
      { model: 'sandbox/echo', messages: user('hi'), max_tokens: 1, max_completion_tokens: 1 },
      400,
      'max_tokens',
      'invalid_value',
    ],
    [{ model: 'sandbox/echo', messages: user('hi'), n: 129 }, 400, 'n', 'invalid_value'],
    [{ model: 'sandbox/echo', messages: user('hi'), temperature: 3 }, 400, 'temperature', 'invalid_value'],
    [{ model: 'sandbox/echo', messages: user('hi'), stream: 'yes' }, 400, 'stream', 'invalid_value'],
    [{ model: 'sandbox/echo', messages: user('hi'), stream_options: {} }, 400, 'stream_options', 'invalid_value'],
    [{ model: 'sandbox/echo', messages: user('hi'), stop: ['1', '2', '3', '4', '5'] }, 400, 'stop', 'invalid_value'],
    [
      { model: 'sandbox/echo', messages: user('hi'), response_format: { type: 'xml' } },
      400,
      'response_format.type',
      'invalid_value',
    ],
    [{ model: 'sandbox/echo', messages: user('hi'), tool_choice: 'auto' }, 400, 'tool_choice', null],
    [{ model: 'sandbox/none', messages: user('hi') }, 404, null, 'model_not_found'],
    [{ model: 'gpt-4o', messages: user('hi') }, 404, null, 'model_not_found'],
    [{ model: 'sandbox/embed', messages: user('hi') }, 404, null, 'model_not_found'],
    [{ model: 'sandbox/flaky-101', messages: user('hi') }, 404, null, 'model_not_found'],
    [{ model: 'sandbox/error-200', messages: user('hi') }, 404, null, 'model_not_found'],
    [{ model: 'sandbox/lorem-0', messages: user('hi') }, 404, null, 'model_not_found'],
  ]
  test.each(bad)('%j is refused with %d, naming %s', async (body, status, param, code) => {
    const answer = await post('/v1/chat/completions', body)
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ error: { type: 'invalid_request_error', param, code } })
  })

  test('names a request, whatever became of it', async () => {
    const answers = [await post('/v1/nowhere', {}), await post('/v1/models', {}), await post('/v1/embeddings', {})]
    expect(answers.map(({ status }) => status)).toEqual([404, 405, 400])
    expect(new Set(answers.map(({ headers }) => headers['x-request-id'])).size).toBe(3)
    expect(answers[1]?.headers['allow']).toBe('GET')
  })

  test('a body beyond all measure is refused, whether it says its length or not', async () => {
    const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: sandbox\r\n'
    expect(await raw([`${head}Content-Length: 33554433\r\n\r\n`])).toContain('413')
    const mebibyte = `100000\r\n${'x'.repeat(1024 * 1024)}\r\n`
    expect(await raw([`${head}Transfer-Encoding: chunked\r\n\r\n`, ...Array(33).fill(mebibyte)])).toContain('413')
  })
})

/** Sends bytes as they are; returns the status line. */
function raw(pieces: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    // Its side is closed while ours still sends.
    socket.on('error', () => {})
    socket.once('data', (bytes) => {
      resolve(String(bytes).split('\r\n')[0] ?? '')
      socket.destroy()
    })
    for (const piece of pieces) socket.write(piece)
  })
}

describe('with the official SDK', () => {
  const fetchThroughSocket = async (url: string | URL | Request, init?: RequestInit) => {
    return fetch(String(url), { ...init, dispatcher } as Parameters<typeof fetch>[1]) as unknown as Promise<Response>
  }
  const openai = new OpenAI({ baseURL: 'http://sandbox/v1', apiKey: 'none', maxRetries: 0, fetch: fetchThroughSocket })
  const messages = [{ role: 'user' as const, content: 'What is the weather in Paris?' }]
  const tools = [
    {
      type: 'function' as const,
      function: {
        name: 'weather',
        parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 2 } } },
      },
    },
    { type: 'function' as const, function: { name: 'clock' } },
  ]

  test('chats, whole and streamed', async () => {
    const whole = await openai.chat.completions.create({ model: 'sandbox/echo', messages })
    expect(whole.choices[0]?.message.content).toBe(messages[0]?.content)
    const stream = openai.chat.completions.stream({
      model: 'sandbox/echo',
      messages,
      stream_options: { include_usage: true },
    })
    const final = await stream.finalChatCompletion()
    expect(final.choices[0]?.message.content).toBe(messages[0]?.content)
    expect(final.usage).toEqual(whole.usage)
  })

  test('completes a plain prompt, whole and streamed', async () => {
    const asked = { model: 'sandbox/echo', prompt: 'Once upon a time', n: 2 }
    const whole = await openai.completions.create(asked)
    expect(whole.choices.map(({ text }) => text)).toEqual([asked.prompt, asked.prompt])
    expect(whole).toMatchObject({ object: 'text_completion', usage: { prompt_tokens: 4, completion_tokens: 8 } })
    const texts = ['', '']
    let usage: unknown
    for await (const chunk of await openai.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      for (const { index, text } of chunk.choices) texts[index] += text
      usage = chunk.usage
    }
    expect(texts).toEqual([asked.prompt, asked.prompt])
    expect(usage).toEqual(whole.usage)
  })

  test('completes tokens too, stops after 16 of its own, and repeats the prompt where that is asked for', async () => {
    const long = Array.from({ length: 20 }, (_, i) => i)
    const { choices, usage } = await openai.completions.create({ model: 'sandbox/fast', prompt: long })
    expect(choices[0]).toMatchObject({ text: long.slice(0, 16).join(' '), finish_reason: 'length' })
    expect(usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 16 })
    const echoed = await openai.completions.create({ model: 'sandbox/fast', prompt: ['one '], echo: true })
    expect(echoed.choices[0]?.text).toBe('one one ')
    for (const prompt of [['one', 'two'], [], 7]) {
      const answer = await post('/v1/completions', { model: 'sandbox/fast', prompt })
      expect(answer.status).toBe(400)
      expect(JSON.parse(answer.text)).toMatchObject({ error: { param: 'prompt' } })
    }
  })

  test('calls a tool, whole and in pieces, and hears what it said', async () => {
    const whole = await openai.chat.completions.create({ model: 'sandbox/tools', messages, tools })
    const streamed = await openai.chat.completions
      .stream({ model: 'sandbox/tools', messages, tools })
      .finalChatCompletion()
    for (const { choices } of [whole, streamed]) {
      expect(choices[0]?.finish_reason).toBe('tool_calls')
      expect(choices[0]?.message.tool_calls).toMatchObject([
        { type: 'function', function: { name: 'weather', arguments: '{"city":"example city","days":2}' } },
      ])
    }
    const called = whole.choices[0]?.message
    if (called === undefined) throw new Error('no answer')
    const id = called.tool_calls?.[0]?.id ?? ''
    const said = await openai.chat.completions.create({
      model: 'sandbox/tools',
      messages: [...messages, called, { role: 'tool', tool_call_id: id, content: '21 degrees' }],
      tools,
    })
    expect(said.choices[0]).toMatchObject({ message: { content: 'The tool says: 21 degrees' }, finish_reason: 'stop' })
  })

  test('ends in the middle of the arguments when the cap is there', async () => {
    const { choices, usage } = await openai.chat.completions.create({
      model: 'sandbox/tools',
      messages,
      tools,
      max_tokens: 3,
    })
    expect(choices[0]).toMatchObject({
      message: { tool_calls: [{ function: { arguments: '{"city":"' } }] },
      finish_reason: 'length',
    })
    expect(usage?.completion_tokens).toBe(3)
  })

  test('minds the choice of tool', async () => {
    const ask = async (model: string, tool_choice: OpenAI.ChatCompletionToolChoiceOption) => {
      const { choices } = await openai.chat.completions.create({ model, messages, tools, tool_choice })
      return choices[0]?.message.tool_calls?.map((call) => ('function' in call ? call.function : undefined))
    }
    expect(await ask('sandbox/tools', 'none')).toBeUndefined()
    expect(await ask('sandbox/fast', 'auto')).toBeUndefined()
    expect(await ask('sandbox/fast', 'required')).toMatchObject([{ name: 'weather' }])
    const clock = { type: 'function', function: { name: 'clock' } } as const
    expect(await ask('sandbox/fast', clock)).toEqual([{ name: 'clock', arguments: '{}' }])
  })

  test('embeds: unit vectors, the same each time, near for texts with words in common', async () => {
    const embed = async (input: string | string[], more: object = {}) =>
      (await openai.embeddings.create({ model: 'sandbox/embed', input, ...more })).data.map(
        ({ embedding }) => embedding,
      )
    const dot = (a: number[] = [], b: number[] = []) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
    const [cat, dog, tax] = await embed(['the cat sat here', 'the dog sat here', 'annual tax report'])
    expect(cat).toHaveLength(256)
    expect(dot(cat, cat)).toBeCloseTo(1, 5)
    expect(dot(cat, dog)).toBeGreaterThan(dot(cat, tax) + 0.3)
    // The SDK asks for base64 by itself.
    expect(await embed('the cat sat here', { encoding_format: 'float' })).toEqual([cat])
    expect((await embed('the cat sat here', { dimensions: 8 }))[0]).toHaveLength(8)
    const { usage } = await openai.embeddings.create({ model: 'sandbox/embed', input: [[1, 2, 3], [4]] })
    expect(usage).toEqual({ prompt_tokens: 4, total_tokens: 4 })
  })

  test.each([
    { input: '' },
    { input: [] },
    { input: ['a', ''] },
    { input: [1.5] },
    { input: 7 },
    { input: 'a', dimensions: 0 },
    { input: 'a', encoding_format: 'hex' },
  ])('embeds nothing of %j', async (body) => {
    expect((await post('/v1/embeddings', { model: 'sandbox/embed', ...body })).status).toBe(400)
  })

  test('gives errors as the SDK knows them', async () => {
    const failure = openai.chat.completions.create({ model: 'sandbox/error-401', messages })
    await expect(failure).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    const none = openai.embeddings.create({ model: 'sandbox/none', input: 'a' })
    await expect(none).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
    await expect(none).rejects.toBeInstanceOf(APIError)
  })

  test('lists its models', async () => {
    const ids = (await openai.models.list()).data.map(({ id }) => id)
    expect(ids).toContain('sandbox/echo')
    expect(ids).toContain('sandbox/embed')
  })
})

describe('the socket', () => {
  const path = join(folder, 'other.sock')
  const options = { socketPath: path, clock: systemClock }

  test("is our own user's alone, and is gone when the sandbox closes, whatever is still being said", async () => {
    const other = await openSandbox(options)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const agent = new Agent({ connect: { socketPath: path } })
    const hanging = request('http://sandbox/v1/chat/completions', {
      dispatcher: agent,
      method: 'POST',
      body: JSON.stringify({ model: 'sandbox/hang', messages: user('hello?') }),
    })
    await Promise.all([
      expect(hanging).rejects.toThrow(),
      new Promise((resolve) => setTimeout(resolve, 50)).then(() => other.close()),
    ])
    expect(existsSync(path)).toBe(false)
    await agent.close()
  })

  test('that a killed process left behind is replaced', async () => {
    // A listener that is closed while its path is renamed leaves the file, as a kill does.
    const dead = createServer()
    await new Promise<void>((resolve) => dead.listen(path, resolve))
    renameSync(path, `${path}.kept`)
    await new Promise((resolve) => dead.close(resolve))
    renameSync(`${path}.kept`, path)
    await (await openSandbox(options)).close()
  })

  test('that is in use, or is no socket, is left alone', async () => {
    const other = await openSandbox(options)
    await expect(openSandbox(options)).rejects.toThrow('another process')
    await other.close()
    writeFileSync(path, 'precious')
    await expect(openSandbox(options)).rejects.toThrow('not a socket')
    rmSync(path)
  })
})
