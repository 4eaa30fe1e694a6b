import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'
import {
  type Answer,
  completion,
  doneEvent,
  event,
  sendJson,
  sendStream,
  startUpstream,
  type Upstream,
  usageEvent,
} from './upstream.ts'

/** What hostile and unlucky parties have done to a gateway once, each of which used to hurt somebody else. */
const database = testDatabase()
const upstreamKey = 'up/stream"key'
let upstream: Upstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream((_, response) => sendJson(response, 200, completion('Hi')))
  gateway = await startGateway(database(), {
    // One call at a time: a place that is not given back shows in the next test.
    connections: [
      localConnection('main', upstream.url, { api_key: upstreamKey, limits: { concurrency: 1 } }),
      localConnection('plain', upstream.url, {
        api_key: 'sk-plain-upstream-key',
        models: ['plain', 'plain-too'],
        priority: 1,
      }),
      localConnection('local', upstream.url, { api_key: 'ollama', models: ['local'], priority: 1 }),
      localConnection('nowhere', 'http://127.0.0.1:1/v1', { models: ['nowhere'], priority: 1, limits: { rpm: 1 } }),
    ],
    keys: [{ id: 'dev', secret, allow_client_identity: true, limits: { concurrency: 1 } }],
    limits: [{ scope: 'user:*', rpm: 1000 }],
    models: { chain: ['plain', 'plain-too'] },
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

const messages = [{ role: 'user', content: 'Hello' }]

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

afterEach(async () => {
  upstream.answer = (_, response) => sendJson(response, 200, completion('Hi'))
  // Nothing is held, nothing rests, nothing is under way.
  await expect.poll(async () => (await post({ model: 'm', messages })).status, { timeout: 3_000 }).toBe(200)
  const health = (await (await fetch(`${gateway.url}/health`)).json()) as { live_attempts: number }
  expect(health.live_attempts).toBe(0)
})

describe('from a provider', () => {
  test.each([
    ['an error whose code is an object', '{"error":{"message":"x","code":{"toString":1}}}'],
    ['an error that is a number', '{"error":7}'],
    ['an error without words', '{"error":{"code":[[[]]]}}'],
  ])('%s ends the call like any other', async (_, error) => {
    upstream.answer = (_seen, response) => sendStream(response, [event({ content: 'Hi' }), `data: ${error}\n\n`])
    const response = await post({ model: 'm', messages, stream: true })
    await response.text()
    expect((await gateway.rowsOf(response))[0]?.success).toBe(false)
  })

  test('usage nested beyond all reason is counted, and its row is written', async () => {
    const usage = `{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    upstream.answer = (_, response) =>
      sendJson(response, 200, completion('Hi', 0).replace('"usage":0', `"usage":${usage}`))
    const response = await post({ model: 'm', messages })
    expect(response.status).toBe(200)
    expect(await gateway.rowsOf(response)).toMatchObject([{ input_tokens: 5, output_tokens: 2, usage_raw: null }])
  })

  test('a reset behind [DONE] takes nothing from the answer', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event({ content: 'Hi' }, 'stop') + usageEvent + doneEvent)
      setTimeout(() => response.destroy(), 20)
    }
    const response = await post({ model: 'm', messages, stream: true })
    expect(await response.text()).toBe(event({ content: 'Hi' }, 'stop') + doneEvent)
    expect(await gateway.rowsOf(response)).toMatchObject([{ status: 'complete', total_tokens: 8 }])
  })

  test('half an event before the end does not spoil the word that it broke', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`${event({ content: 'Hi' })}data: {"id":"half`)
      setTimeout(() => response.destroy(), 20)
    }
    const text = await (await post({ model: 'm', messages, stream: true })).text()
    expect(JSON.parse(text.slice(event({ content: 'Hi' }).length + 'data: '.length)).error.code).toBe(
      'upstream_stream_truncated',
    )
  })

  test('our own credential comes back to nobody, however it is spelled', async () => {
    const spelled = JSON.stringify(upstreamKey).slice(1, -1).replaceAll('/', '\\/')
    const error = `{"error":{"message":"bad key ${spelled}","code":"x"}}`
    const refused = `{"error":{"message":"bad key ${spelled}","type":"invalid_request_error"}}`
    const separator = '\u2028'
    for (const [status, body, stream] of [
      [400, error, false],
      [200, refused, false],
      [200, `${event({ content: 'Hi' })}data: ${error}\n\n`, true],
      [200, `${event({ content: 'Hi' })}data: {"id":"${separator}",${error.slice(1)}\n\n`, true],
      [200, `${event({ content: 'Hi' })}event: error\ndata: {"message":"bad key ${spelled}"}\n\n`, true],
    ] as const) {
      upstream.answer = (_, response) => (stream ? sendStream(response, [body]) : sendJson(response, status, body))
      const response = await post({ model: 'm', messages, stream })
      const text = await response.text()
      const [row] = await gateway.rowsOf(response)
      expect(text).toContain('[redacted]')
      expect(row?.error_message).toBe('bad key [redacted]')
    }
  })

  test('our own credential does not pass in an event that looks like any other either', async () => {
    const plain = 'sk-plain-upstream-key'
    const error = { error: { message: `bad key ${plain}` } }
    upstream.answer = (_, response) =>
      sendStream(response, [event({ content: 'Hi' }), event({ content: '' }, 'error', error), doneEvent])
    const response = await post({ model: 'plain', messages, stream: true })
    expect(await response.text()).toContain('bad key [redacted]')
    expect(await gateway.rowsOf(response)).toMatchObject([{ status: 'truncated', error_message: 'bad key [redacted]' }])
  })

  test('a key that is a word leaves the word where it is said', async () => {
    const events = [event({ content: 'ollama run llama3' }), event({}, 'stop'), doneEvent]
    upstream.answer = (_, response) => sendStream(response, events)
    expect(await (await post({ model: 'local', messages, stream: true })).text()).toBe(events.join(''))
    upstream.answer = (_, response) => sendJson(response, 400, '{"error":{"message":"ollama says no"}}')
    expect(await (await post({ model: 'local', messages })).text()).toContain('ollama says no')
  })

  test('an error that comes first is no answer, whatever comes with it', async () => {
    const error = 'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    for (const behind of [event({}, 'stop') + doneEvent, event({ content: 'Hi' }), doneEvent]) {
      upstream.answer = (_, response) => sendStream(response, [event({ role: 'assistant' }) + error + behind])
      const response = await post({ model: 'm', messages, stream: true })
      expect(response.status).toBe(502)
      expect(await response.text()).toContain('"code":"upstream_error"')
    }
  })

  test('an error whose body does not come, or breaks off, is what its head says', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(429, { 'content-length': 100, 'retry-after': '1' }).flushHeaders()
    }
    const broken: Answer = (_, response) => {
      response.writeHead(429, { 'content-length': 100, 'retry-after': '1' })
      response.write('{', () => response.destroy())
    }
    for (const [stream, answer] of [
      [true, upstream.answer],
      [false, upstream.answer],
      [false, broken],
    ] as const) {
      upstream.answer = answer
      const response = await post({ model: 'plain', messages, stream })
      expect([response.status, response.headers.get('retry-after')]).toEqual([429, '1'])
      await expect.poll(async () => (await post({ model: 'm', messages })).status, { timeout: 3_000 }).toBe(429)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
  })

  test('a connection that failed is not asked again for another model of the same call', async () => {
    upstream.answer = (_, response) => sendJson(response, 500, '{"error":{"message":"boom","code":"boom"}}')
    const response = await post({ model: 'chain', messages })
    expect(response.status).toBe(502)
    const rows = await gateway.rowsOf(response)
    expect(rows.map(({ connection_id, model }) => `${connection_id} ${model}`)).toEqual(['plain plain', 'main plain'])
  })

  test('what never reached a provider uses up none of its limits', async () => {
    upstream.answer = (_, response) => sendJson(response, 404, '{"error":{"message":"no","code":"model_not_found"}}')
    for (let calls = 0; calls < 3; calls++) {
      const response = await post({ model: 'nowhere', messages })
      const [first] = await gateway.rowsOf(response)
      expect(first).toMatchObject({ connection_id: 'nowhere', error_code: 'connect_failed', cost_nano_usd: 0 })
    }
  })

  test('a refusal as long as the request that it quotes is passed on whole', async () => {
    const body = JSON.stringify({ detail: [{ msg: 'wrong', input: 'x'.repeat(200_000) }] })
    upstream.answer = (_, response) => sendJson(response, 422, body)
    const response = await post({ model: 'm', messages })
    expect(response.status).toBe(422)
    expect(await response.text()).toBe(body)
  })

  test('a refusal without end is cut off, and told in our words', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(422, { 'content-type': 'application/json' })
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      }
      response.on('drain', more)
      more()
    }
    const response = await post({ model: 'm', messages })
    expect(response.status).toBe(502)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(JSON.parse(await response.text()).error.metadata).toEqual({ upstream_status: 422 })
  })

  test('a usage event that comes first holds nothing back', async () => {
    upstream.answer = (_, response) => sendStream(response, [usageEvent, event({ content: 'Hi' }, 'stop'), doneEvent])
    const response = await post({ model: 'm', messages, stream: true }, { 'x-tollgate-usage': 'true' })
    const text = await response.text()
    expect(text.startsWith(event({ content: 'Hi' }, 'stop'))).toBe(true)
    expect(text).toContain('"tollgate":{"cost_usd"')
    expect(text.endsWith(doneEvent)).toBe(true)
  })
})

describe('from a client', () => {
  test.each([
    ['a model that is half a character', '{"model":"m-\\ud800","messages":[{}]}'],
    ['a user beyond Latin-1', '{"model":"m","user":"日本","messages":[{}]}'],
    ['a user with control characters', '{"model":"m","user":"a\\r\\nset-cookie: x\\u0000","messages":[{}]}'],
  ])('%s gets its answer', async (_, body) => {
    for (const each of [body, body.replace('{"model"', '{"stream":true,"model"')]) {
      upstream.answer = ({ body: sent }, response) =>
        sent.includes('"stream":true')
          ? sendStream(response, [event({ content: 'Hi' }, 'stop'), usageEvent, doneEvent])
          : sendJson(response, 200, completion('Hi'))
      const response = await post(each)
      expect(response.status).toBe(200)
      expect(await response.text()).toContain('Hi')
      expect(response.headers.get('set-cookie')).toBeNull()
      expect(await gateway.rowsOf(response)).toMatchObject([{ success: true }])
    }
  })

  test('a deadline of its own is paid for, and is no illness of the connection', async () => {
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write(event({ content: 'word ' })), 20)
      response.on('close', () => clearInterval(timer))
    }
    const response = await post({ model: 'm', messages, stream: true }, { 'x-tollgate-timeout-ms': '1000' })
    expect(await response.text()).toContain('"code":"upstream_timeout"')
    const [row] = await gateway.rowsOf(response)
    expect(row).toMatchObject({ status: 'cut', usage_source: 'counted' })
    expect(row?.output_tokens).toBeGreaterThan(10)
    expect(row?.charge_nano_usd).toBe(row?.cost_nano_usd)

    for (let i = 0; i < 4; i++) {
      upstream.answer = () => {}
      const late = await post({ model: 'm', messages }, { 'x-tollgate-timeout-ms': '50' })
      expect(late.status).toBe(504)
    }
  })

  test.each([
    ['brackets that never close', `{"a":${'['.repeat(5_000_000)}`],
    ['a million members', `{${Array.from({ length: 1_000_000 }, (_, i) => `"${i}":1`).join(',')}}`],
    ['millions of empty objects', `{"model":"m","messages":[${'{},'.repeat(5_000_000)}{}]}`],
  ])('%s are refused at once', async (_, body) => {
    const startedMs = performance.now()
    const response = await post(body)
    expect(response.status).toBe(400)
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })

  test('its prompt is not quoted back in an error', async () => {
    const response = await post('{"content":topsecretprompt}')
    expect(await response.text()).not.toContain('topsec')
    expect((await gateway.rowsOf(response))[0]?.error_message).not.toContain('topsec')
  })
})
