import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
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

/** What hostile and unlucky parties have done to a gateway once, each of which used to hurt somebody else. */
const database = testDatabase()
const upstreamKey = 'up/stream"key'
let upstream: Upstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream((_, response) => sendJson(response, 200, completion('Hi')))
  gateway = await startGateway(database(), {
    // One call at a time: a place that is not given back shows in the next test.
    connections: [localConnection('main', upstream.url, { api_key: upstreamKey, limits: { concurrency: 1 } })],
    keys: [{ id: 'dev', secret, allow_client_identity: true, limits: { concurrency: 1 } }],
    limits: [{ scope: 'user:*', rpm: 1000 }],
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
    for (const [status, body, stream] of [
      [400, error, false],
      [200, `${event({ content: 'Hi' })}data: ${error}\n\n`, true],
    ] as const) {
      upstream.answer = (_, response) => (stream ? sendStream(response, [body]) : sendJson(response, status, body))
      const response = await post({ model: 'm', messages, stream })
      const text = await response.text()
      const [row] = await gateway.rowsOf(response)
      expect(text).toContain('[redacted]')
      expect(row?.error_message).toBe('bad key [redacted]')
    }
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
