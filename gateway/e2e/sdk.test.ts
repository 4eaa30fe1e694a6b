import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { LLMock } from '@copilotkit/aimock'
import { embed, generateText, jsonSchema, streamText } from 'ai'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'

const database = testDatabase()
// A third party's mock of the provider: it knows nothing of us, and refuses any key but its own.
const upstream = new LLMock({ port: 0, auth: { apiKeys: ['upstream-key'] } })
let gateway: TestGateway

beforeAll(async () => {
  const usage = { prompt_tokens: 11, completion_tokens: 9, total_tokens: 20 }
  upstream.onMessage('hello', { content: 'Hi there', usage })
  upstream.onMessage('weather', {
    toolCalls: [{ name: 'weather', arguments: '{"city":"Oslo"}' }],
    usage: { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 },
  })
  upstream.onMessage('limited', {
    error: { message: 'Rate limited', type: 'rate_limit_error' },
    status: 429,
    retryAfter: 1,
  })
  upstream.onMessage('wrong', { error: { message: 'No such thing', type: 'invalid_request_error' }, status: 400 })
  upstream.onMessage('cut', { content: 'x '.repeat(400) }, { truncateAfterChunks: 5, chunkSize: 4 })
  upstream.onMessage('slow', { content: 'a b c d e f g h' }, { streamingProfile: { ttft: 50, tps: 5, jitter: 0 } })
  await upstream.start()
  const fresh = (id: string, models: string[]) => localConnection(id, `${upstream.url}/v1`, { models })
  gateway = await startGateway(database(), {
    // One each for what fails on purpose: a connection that failed rests.
    connections: [
      fresh('main', ['gpt-4o-mini', 'text-embedding-*']),
      fresh('limited', ['gpt-4o']),
      fresh('cut', ['gpt-4.1']),
    ],
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream.stop()
})

const ask = (content: string) => [{ role: 'user' as const, content }]

/** The last call's rows, found by the id that the SDK saw. */
async function rowOf(requestId: string | null | undefined) {
  const [row] = await gateway.rowsOf({ headers: new Headers({ 'x-request-id': requestId ?? '' }) })
  return row
}

describe('the openai SDK', () => {
  const client = (maxRetries = 0) => new OpenAI({ apiKey: secret, baseURL: `${gateway.url}/v1`, maxRetries })

  test('chats, and the call is metered', async () => {
    const { data, request_id: id } = await client()
      .chat.completions.create({ model: 'gpt-4o-mini', messages: ask('hello') })
      .withResponse()
    expect(data.choices[0]?.message.content).toBe('Hi there')
    expect(await rowOf(id)).toMatchObject({
      input_tokens: 11,
      output_tokens: 9,
      usage_source: 'provider',
      status: 'complete',
    })
  })

  test('streams without a usage event, unless it asks for one', async () => {
    const plain = await client().chat.completions.create({ model: 'gpt-4o-mini', messages: ask('hello'), stream: true })
    const chunks = []
    for await (const chunk of plain) chunks.push(chunk)
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('Hi there')
    expect(chunks.every(({ choices }) => choices.length > 0)).toBe(true)

    const { data, request_id: id } = await client()
      .chat.completions.create({
        model: 'gpt-4o-mini',
        messages: ask('hello'),
        stream: true,
        stream_options: { include_usage: true },
      })
      .withResponse()
    const asked = []
    for await (const chunk of data) asked.push(chunk)
    expect(asked.at(-1)?.usage?.total_tokens).toBe(20)
    expect(await rowOf(id)).toMatchObject({ stream: true, total_tokens: 20, usage_source: 'provider' })
  })

  test('calls tools and embeds', async () => {
    const answer = await client().chat.completions.create({
      model: 'gpt-4o-mini',
      messages: ask('weather'),
      tools: [
        {
          type: 'function',
          function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
        },
      ],
    })
    const [call] = answer.choices[0]?.message.tool_calls ?? []
    expect(call?.type === 'function' && call.function.arguments).toBe('{"city":"Oslo"}')

    const { data, request_id: id } = await client()
      .embeddings.create({ model: 'text-embedding-3-small', input: 'hello' })
      .withResponse()
    expect(data.data[0]?.embedding.length).toBeGreaterThan(0)
    expect(await rowOf(id)).toMatchObject({ endpoint: '/v1/embeddings', output_tokens: 0, success: true })
  })

  test('sees the provider’s own words about a wrong request', async () => {
    const call = client().chat.completions.create({ model: 'gpt-4o-mini', messages: ask('wrong') })
    await expect(call).rejects.toMatchObject({ status: 400, message: expect.stringContaining('No such thing') })
  })

  test('is told that the provider is at its limit, and when to come back', async () => {
    const call = client().chat.completions.create({ model: 'gpt-4o', messages: ask('limited') })
    await expect(call).rejects.toMatchObject({ status: 429, code: 'upstream_rate_limited' })
    const again = client().chat.completions.create({ model: 'gpt-4o', messages: ask('limited') })
    await expect(again).rejects.toSatisfy(
      ({ headers }: { headers: Headers }) => Number(headers.get('retry-after-ms')) <= 1000,
    )
  })

  test('leaves, and the provider is left too', async () => {
    const stream = await client().chat.completions.create({ model: 'gpt-4o-mini', messages: ask('slow'), stream: true })
    for await (const _ of stream) {
      stream.controller.abort()
      break
    }
    const health = async () =>
      ((await (await fetch(`${gateway.url}/health`)).json()) as { live_attempts: number }).live_attempts
    await expect.poll(health, { timeout: 3_000 }).toBe(0)
  })
})

describe('the Vercel AI SDK', () => {
  const compatible = () =>
    createOpenAICompatible({ name: 'tollgate', apiKey: secret, baseURL: `${gateway.url}/v1`, includeUsage: true })
  const openai = () => createOpenAI({ apiKey: secret, baseURL: `${gateway.url}/v1` })

  test('generates text by both of its providers', async () => {
    for (const model of [compatible()('gpt-4o-mini'), openai().chat('gpt-4o-mini')]) {
      const { text, usage, response } = await generateText({ model, prompt: 'hello', maxRetries: 0 })
      expect(text).toBe('Hi there')
      expect(usage).toMatchObject({ inputTokens: 11, outputTokens: 9 })
      expect(await rowOf(response.headers?.['x-request-id'])).toMatchObject({ total_tokens: 20 })
    }
  })

  test('streams text', async () => {
    for (const model of [compatible()('gpt-4o-mini'), openai().chat('gpt-4o-mini')]) {
      const result = streamText({ model, prompt: 'hello', maxRetries: 0 })
      let text = ''
      for await (const piece of result.textStream) text += piece
      expect(text).toBe('Hi there')
      expect(await result.usage).toMatchObject({ inputTokens: 11, outputTokens: 9 })
    }
  })

  test('calls tools and embeds', async () => {
    const weather = {
      description: 'The weather in a city',
      inputSchema: jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } } }),
      execute: async ({ city }: { city: string }) => `rain in ${city}`,
    }
    const { toolCalls } = await generateText({
      model: compatible()('gpt-4o-mini'),
      prompt: 'weather',
      tools: { weather },
      maxRetries: 0,
    })
    expect(toolCalls).toMatchObject([{ toolName: 'weather', input: { city: 'Oslo' } }])
    const { embedding } = await embed({
      model: openai().embedding('text-embedding-3-small'),
      value: 'hello',
      maxRetries: 0,
    })
    expect(embedding.length).toBeGreaterThan(0)
  })

  test('reads our errors', async () => {
    const call = generateText({ model: compatible()('no-such-model'), prompt: 'hello', maxRetries: 2 })
    await expect(call).rejects.toMatchObject({
      statusCode: 404,
      message: expect.stringContaining("'no-such-model' does not exist"),
    })
  })

  test('learns that a stream broke off', async () => {
    const errors: unknown[] = []
    const result = streamText({
      model: compatible()('gpt-4.1'),
      prompt: 'cut',
      maxRetries: 0,
      onError: ({ error }) => void errors.push(error),
    })
    for await (const _ of result.textStream);
    expect(errors).toHaveLength(1)
  })
})
