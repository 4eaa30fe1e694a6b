import { request } from 'node:http'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'
import {
  completion,
  doneEvent,
  event,
  sendJson,
  sendStream,
  startUpstream,
  type Upstream,
  usageEvent,
} from './upstream.ts'

const database = testDatabase()
let upstream: Upstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream((_, response) => sendJson(response, 200, completion('Hi')))
  gateway = await startGateway(database(), {
    connections: [
      localConnection('main', upstream.url, { models: ['gpt-*', 'text-embedding-*', { fast: 'gpt-4o-mini' }] }),
    ],
    models: { smart: ['gpt-4o'] },
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})
beforeEach(() => {
  upstream.seen.length = 0
  upstream.answer = (_, response) => sendJson(response, 200, completion('Hi'))
})

const messages = [{ role: 'user', content: 'Hello' }] as const

function post(body: unknown, headers: Record<string, string> = {}, path = '/v1/chat/completions'): Promise<Response> {
  return fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

describe('a whole answer', () => {
  test('comes as the provider sent it, and leaves its row', async () => {
    const response = await post({ model: 'gpt-4o-mini', messages, seed: 7, unknown_field: { kept: [1.0, 'é'] } })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe(completion('Hi'))

    const sent = upstream.seen[0]
    expect(sent?.path).toBe('/v1/chat/completions')
    expect(sent?.headers.authorization).toBe('Bearer upstream-key')
    expect(sent?.headers['accept-encoding']).toBe('identity')
    expect(sent?.body.toString()).toBe(
      JSON.stringify({ model: 'gpt-4o-mini', messages, seed: 7, unknown_field: { kept: [1.0, 'é'] } }),
    )

    const [row] = await gateway.rowsOf(response)
    expect(row).toMatchObject({
      attempt: 1,
      key_id: 'dev',
      org_id: 'default',
      connection_id: 'main',
      provider: 'compatible',
      dialect: 'openai-chat',
      endpoint: '/v1/chat/completions',
      stream: false,
      requested_model: 'gpt-4o-mini',
      model: 'gpt-4o-mini',
      input_tokens: 5,
      output_tokens: 2,
      total_tokens: 7,
      usage_source: 'provider',
      price_status: 'alias',
      success: true,
      status: 'complete',
      http_status: 200,
      finish_reason: 'stop',
      tracked: true,
    })
    // 5 × $0.15 and 2 × $0.60 a million.
    expect(row?.cost_nano_usd).toBe(1950)
    expect(row?.charge_nano_usd).toBe(1950)
    expect(response.headers.get('x-tollgate-cost-usd')).toBe('0.00000195')
    expect(response.headers.get('x-tollgate-connection')).toBe('main')
    expect(response.headers.get('x-tollgate-attempts')).toBe('1')
    expect(response.headers.get('request-id')).toBe(response.headers.get('x-request-id'))
  })

  test('goes by the names that an alias and a virtual model stand for', async () => {
    const aliased = await post({ model: 'fast', messages })
    expect(JSON.parse(upstream.seen[0]?.body.toString() ?? '').model).toBe('gpt-4o-mini')
    expect(await gateway.rowsOf(aliased)).toMatchObject([{ requested_model: 'fast', model: 'gpt-4o-mini' }])

    const virtual = await post({ messages, model: 'smart' })
    expect(JSON.parse(upstream.seen[1]?.body.toString() ?? '')).toEqual({ messages, model: 'gpt-4o' })
    expect(await gateway.rowsOf(virtual)).toMatchObject([{ requested_model: 'smart', model: 'gpt-4o' }])
  })

  test('is counted where the provider stated nothing, and says so', async () => {
    const text = 'The quick brown fox jumps over the lazy dog, and then it does so again. '.repeat(5)
    upstream.answer = (_, response) => sendJson(response, 200, completion(text, null))
    const response = await post({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: text }] })
    const [row] = await gateway.rowsOf(response)
    expect(row?.usage_source).toBe('counted')
    // 85 tokens by the model's own tokenizer, and the message's framing on the way in.
    expect(row?.output_tokens).toBeGreaterThanOrEqual(80)
    expect(row?.output_tokens).toBeLessThanOrEqual(90)
    expect(row?.input_tokens).toBeGreaterThanOrEqual((row?.output_tokens ?? 0) + 3)
  })

  test('larger than is held passes as it comes, and its usage is found at its end', async () => {
    const body = completion('x'.repeat(3_000_000), { prompt_tokens: 9, completion_tokens: 11, total_tokens: 20 })
    upstream.answer = (_, response) => sendJson(response, 200, body)
    const response = await post({ model: 'gpt-4o-mini', messages })
    expect((await response.text()).length).toBe(body.length)
    expect(await gateway.rowsOf(response)).toMatchObject([
      { input_tokens: 9, output_tokens: 11, usage_source: 'provider' },
    ])
  })
})

describe('a stream', () => {
  test('is asked for its usage, which is metered and taken out again', async () => {
    upstream.answer = (_, response) =>
      sendStream(response, [
        event({ role: 'assistant', content: '' }),
        event({ content: 'Hi' }),
        event({}, 'stop'),
        usageEvent,
        doneEvent,
      ])
    const response = await post({ model: 'gpt-4o-mini', messages, stream: true })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(await response.text()).toBe(
      event({ role: 'assistant', content: '' }) + event({ content: 'Hi' }) + event({}, 'stop') + doneEvent,
    )
    expect(upstream.seen[0]?.body.toString()).toBe(
      `{"stream_options":{"include_usage":true},"model":"gpt-4o-mini","messages":${JSON.stringify(messages)},"stream":true}`,
    )
    expect(await gateway.rowsOf(response)).toMatchObject([
      { stream: true, input_tokens: 5, output_tokens: 3, usage_source: 'provider', status: 'complete' },
    ])
  })

  test('tells its cost in the last usage chunk to whoever asks', async () => {
    upstream.answer = (_, response) => sendStream(response, [event({ content: 'Hi' }, 'stop'), usageEvent, doneEvent])
    const response = await post({ model: 'gpt-4o-mini', messages, stream: true }, { 'x-tollgate-usage': 'true' })
    const usage = (await response.text()).split('\n\n').find((each) => each.includes('"usage":{'))
    expect(JSON.parse(usage?.slice('data: '.length) ?? '')).toMatchObject({
      choices: [],
      usage: { total_tokens: 8 },
      tollgate: { cost_usd: '0.00000255', usage_source: 'provider' },
    })
  })

  test('tells its cost in a trailer to whoever reads trailers', async () => {
    upstream.answer = (_, response) => sendStream(response, [event({ content: 'Hi' }, 'stop'), usageEvent, doneEvent])
    const { trailers, headers, text } = await new Promise<{ trailers: unknown; headers: unknown; text: string }>(
      (resolve) => {
        const sent = request(`${gateway.url}/v1/chat/completions`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${secret}`,
            'content-type': 'application/json',
            te: 'trailers',
            'x-request-id': 'mine-1',
          },
        })
        sent.on('response', (answer) => {
          let text = ''
          answer.on('data', (chunk) => {
            text += chunk
          })
          answer.on('end', () => resolve({ trailers: answer.trailers, headers: answer.headers, text }))
        })
        sent.end(JSON.stringify({ model: 'gpt-4o-mini', messages, stream: true }))
      },
    )
    expect(text).toBe(event({ content: 'Hi' }, 'stop') + doneEvent)
    expect(headers).toMatchObject({ 'x-client-request-id': 'mine-1' })
    expect(trailers).toEqual({ 'x-tollgate-cost-usd': '0.00000255', 'x-tollgate-usage-source': 'provider' })
  })

  test('that breaks off tells its client, and is charged by what was reported', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event({ content: 'Hi' }))
      setTimeout(() => response.destroy(), 50)
    }
    const response = await post({ model: 'gpt-4o-mini', messages, stream: true })
    const text = await response.text()
    expect(text.startsWith(event({ content: 'Hi' }))).toBe(true)
    expect(JSON.parse(text.slice(event({ content: 'Hi' }).length + 'data: '.length))).toMatchObject({
      error: { type: 'server_error', code: 'upstream_stream_truncated', param: null },
    })
    expect(await gateway.rowsOf(response)).toMatchObject([
      {
        status: 'truncated',
        success: false,
        usage_source: 'counted',
        charge_nano_usd: 0,
        error_code: 'upstream_stream_truncated',
      },
    ])
  })

  test('whose client leaves is stopped at the provider, and leaves a row', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write(event({ content: 'word ' })), 20)
      response.on('close', () => clearInterval(timer))
    }
    const aborted = upstream.aborted
    const controller = new AbortController()
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages, stream: true }),
      signal: controller.signal,
    })
    const reader = response.body?.getReader()
    for (let i = 0; i < 5; i++) await reader?.read()
    controller.abort()
    const [row] = await gateway.rowsOf(response)
    expect(upstream.aborted).toBe(aborted + 1)
    expect(row).toMatchObject({ status: 'client_closed', usage_source: 'counted', success: false })
    expect(row?.output_tokens).toBeGreaterThanOrEqual(3)
    expect(row?.charge_nano_usd).toBe(row?.cost_nano_usd)
    expect(row?.cost_nano_usd).toBeGreaterThan(0)
  })
})

describe('failover', () => {
  test('asks no other connection when the request itself is wrong, and passes on what the provider said', async () => {
    const body =
      '{"error":{"message":"bad upstream-key value","type":"invalid_request_error","param":"x","code":"bad"}}'
    upstream.answer = (_, response) => sendJson(response, 400, body)
    const response = await post({ model: 'gpt-4o-mini', messages })
    expect(response.status).toBe(400)
    expect(await response.text()).toBe(body.replace('upstream-key', '[redacted]'))
    expect(await gateway.rowsOf(response)).toMatchObject([
      { status: 'failed', http_status: 400, error_code: 'bad', cost_nano_usd: 0, charge_nano_usd: 0 },
    ])
  })

  test('turns a refusal of our own credential into our own error', async () => {
    upstream.answer = (_, response) =>
      sendJson(response, 401, '{"error":{"message":"Incorrect API key: upstream-key"}}')
    const database2 = database()
    const other = await startGateway(database2, { connections: [localConnection('bad', upstream.url)] })
    const response = await fetch(`${other.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages }),
    })
    expect(response.status).toBe(502)
    expect(response.headers.get('x-should-retry')).toBe('false')
    const text = await response.text()
    expect(JSON.parse(text).error.code).toBe('upstream_credentials_exhausted')
    expect(text).not.toContain('upstream-key')
    await other.close()
  })
})

describe('embeddings', () => {
  test('are metered as input alone', async () => {
    const body =
      '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"text-embedding-3-small","usage":{"prompt_tokens":4,"total_tokens":4}}'
    upstream.answer = (_, response) => sendJson(response, 200, body)
    const response = await post({ model: 'text-embedding-3-small', input: 'Hello' }, {}, '/v1/embeddings')
    expect(await response.text()).toBe(body)
    expect(await gateway.rowsOf(response)).toMatchObject([
      {
        endpoint: '/v1/embeddings',
        dialect: 'openai-embeddings',
        input_tokens: 4,
        output_tokens: 0,
        cost_nano_usd: 80,
      },
    ])
  })
})

describe('the openai SDK', () => {
  const client = () => new OpenAI({ apiKey: secret, baseURL: `${gateway.url}/v1`, maxRetries: 0 })

  test('chats, streams and calls tools', async () => {
    const answer = await client().chat.completions.create({ model: 'gpt-4o-mini', messages: [...messages] })
    expect(answer.choices[0]?.message.content).toBe('Hi')

    const call = { index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":' } }
    upstream.answer = (_, response) =>
      sendStream(response, [
        event({ role: 'assistant', content: null, tool_calls: [call] }),
        event({ tool_calls: [{ index: 0, function: { arguments: '"Oslo"}' } }] }),
        event({}, 'tool_calls'),
        usageEvent,
        doneEvent,
      ])
    const stream = await client().chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [...messages],
      stream: true,
    })
    let args = ''
    for await (const chunk of stream) args += chunk.choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? ''
    expect(args).toBe('{"city":"Oslo"}')
  })

  test('throws on a stream that broke off', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event({ content: 'Hi' }))
      setTimeout(() => response.destroy(), 50)
    }
    const stream = await client().chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [...messages],
      stream: true,
    })
    await expect(async () => {
      for await (const _ of stream);
    }).rejects.toThrow(/broke off/)
  })

  test('lists and finds models', async () => {
    const ids = (await client().models.list()).data.map(({ id }) => id)
    expect(ids).toEqual(expect.arrayContaining(['fast', 'smart', 'sandbox/echo']))
    expect((await client().models.retrieve('sandbox/echo')).owned_by).toBe('sandbox')
    await expect(client().models.retrieve('nothing')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })
})
