import { connect } from 'node:net'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'
import { completion, sendJson, startUpstream, type Upstream } from './upstream.ts'

const database = testDatabase()
let upstream: Upstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream((_, response) => setTimeout(() => sendJson(response, 200, completion('Hi')), 30))
  gateway = await startGateway(database(), {
    connections: [localConnection('main', upstream.url, { models: ['gpt-*'] })],
    keys: [
      { id: 'dev', secret },
      { id: 'mini-only', secret: 'key-for-the-mini-model-only', models: ['gpt-4o-mini'] },
      { id: 'expired', secret: 'key-that-has-expired', expires_at: '2026-01-01' },
      { id: 'three-a-minute', secret: 'key-for-three-a-minute', limits: { rpm: 3 } },
      { id: 'one-at-a-time', secret: 'key-for-one-at-a-time', limits: { concurrency: 1 } },
      { id: 'few-tokens', secret: 'key-for-a-few-tokens', limits: { tpm: 100 } },
    ],
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})
beforeEach(() => {
  upstream.seen.length = 0
})

const messages = [{ role: 'user', content: 'Hello' }]
const chat = { model: 'gpt-4o-mini', messages }

function post(
  body: unknown,
  { key = secret, path = '/v1/chat/completions', headers = {} as Record<string, string> } = {},
) {
  return fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
  })
}

interface Refused {
  readonly error: Record<'message' | 'type' | 'param' | 'code' | 'metadata', unknown>
}

async function expectRefused(
  response: Response,
  status: number,
  error: Record<string, unknown>,
): Promise<Refused['error']> {
  const body = (await response.json()) as Refused
  expect(body.error).toMatchObject(error)
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/)
  expect(Object.keys(body.error)).toEqual(expect.arrayContaining(['message', 'type', 'param', 'code']))
  return body.error
}

describe('a bad request is refused in the dialect’s shape and reaches nobody', () => {
  const nested = `{"model":"gpt-4o-mini","messages":${'['.repeat(200)}${']'.repeat(200)}}`
  test.each([
    ['malformed JSON', '{"model":', 400, { code: 'invalid_json' }],
    ['an empty body', '', 400, { code: 'invalid_json' }],
    ['a list', '[]', 400, { code: 'invalid_json' }],
    ['deep nesting', nested, 400, { code: 'invalid_json' }],
    [
      'a name twice',
      '{"model":"gpt-4o-mini","model":"gpt-4o","messages":[]}',
      400,
      { code: 'invalid_json', param: 'model' },
    ],
    ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 400, { code: 'invalid_json' }],
    ['no model', { messages }, 400, { code: 'missing_required_parameter', param: 'model' }],
    ['a model that is no name', { model: 7, messages }, 400, { code: 'invalid_request', param: 'model' }],
    ['no messages', { model: 'gpt-4o-mini' }, 400, { code: 'missing_required_parameter', param: 'messages' }],
    ['messages that are no list', { ...chat, messages: 'hi' }, 400, { code: 'invalid_request', param: 'messages' }],
    ['a stream that is no boolean', { ...chat, stream: 'yes' }, 400, { code: 'invalid_request', param: 'stream' }],
    ['a cap that is no number', { ...chat, max_tokens: -1 }, 400, { code: 'invalid_request', param: 'max_tokens' }],
    ['an absurd n', { ...chat, n: 1e9 }, 400, { code: 'invalid_request', param: 'n' }],
    ['an unknown model', { ...chat, model: 'claude-9' }, 404, { code: 'model_not_found', param: 'model' }],
  ] as const)('%s', async (_, body, status, error) => {
    await expectRefused(await post(body), status, { type: 'invalid_request_error', ...error })
    expect(upstream.seen).toHaveLength(0)
  })

  test('another content type', async () => {
    const response = await post(JSON.stringify(chat), { headers: { 'content-type': 'text/xml' } })
    await expectRefused(response, 415, { code: 'unsupported_media_type' })
  })

  test('a compressed body', async () => {
    const response = await post(JSON.stringify(chat), { headers: { 'content-encoding': 'gzip' } })
    await expectRefused(response, 415, { code: 'unsupported_media_type' })
  })

  test('a body larger than may be, by its word alone', async () => {
    const answer = await rawRequest(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nauthorization: Bearer ${secret}\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer).toContain('"code":"request_too_large"')
  })

  test('a path or a method that is not there', async () => {
    await expectRefused(await post(chat, { path: '/v1/nothing' }), 404, { code: 'route_not_found' })
    await expectRefused(await fetch(`${gateway.url}/v1/chat/completions`), 405, { code: 'method_not_allowed' })
  })

  test('two hosts, or chunks in HTTP/1.0, which parsers disagree about', async () => {
    expect(await rawRequest('GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
    const chunked = 'POST /v1/chat/completions HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    expect(await rawRequest(chunked)).toMatch(/^HTTP\/1.1 400 /)
  })

  test('and the gateway is as healthy as before', async () => {
    expect((await post(chat)).status).toBe(200)
    expect(await (await fetch(`${gateway.url}/healthz`)).text()).toBe('ok\n')
  })
})

describe('a key', () => {
  test.each([
    ['that is missing', {}, 'missing_api_key'],
    ['that is not known', { authorization: 'Bearer sk-tg-00000000-nope' }, 'invalid_api_key'],
    ['that has expired', { authorization: 'Bearer key-that-has-expired' }, 'expired_api_key'],
    ['in another scheme', { authorization: `Basic ${secret}` }, 'missing_api_key'],
  ])('%s is refused before the body is read', async (_, headers, code) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"not":"read"',
    })
    await expectRefused(response, 401, { type: 'invalid_request_error', code })
    expect(response.headers.get('x-should-retry')).toBe('false')
  })

  test.each(['x-api-key', 'api-key', 'x-goog-api-key'])('is taken from %s too', async (header) => {
    const response = await fetch(`${gateway.url}/v1/models`, { headers: { [header]: secret } })
    expect(response.status).toBe(200)
  })

  test('may use the models it names, and sees no others', async () => {
    const key = 'key-for-the-mini-model-only'
    expect((await post(chat, { key })).status).toBe(200)
    await expectRefused(await post({ ...chat, model: 'gpt-4o' }, { key }), 403, {
      type: 'permission_error',
      code: 'model_not_allowed',
      param: 'model',
    })
    const listed = (await (
      await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })
    ).json()) as { data: unknown[] }
    expect(listed.data).toEqual([])
  })
})

describe('a limit', () => {
  test('on requests holds to the unit, names itself, and leaves a row', async () => {
    const key = 'key-for-three-a-minute'
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(chat, { key })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
    const refused = answers.find(({ status }) => status === 429)
    if (!refused) throw new Error('nothing was refused')
    const error = await expectRefused(refused, 429, { type: 'requests', code: 'rate_limit_exceeded' })
    expect(refused?.headers.get('x-ratelimit-remaining-requests')).toBe('0')
    expect(error.message).toMatch(
      /^Rate limit reached for key 'three-a-minute': 3 requests per minute. Retry in \d+ s\.$/,
    )
    expect(error.metadata).toMatchObject({ scope: 'key', scope_id: 'three-a-minute', limit: 3, used: 3 })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after-ms'))).toBeLessThanOrEqual(60_000)
    expect(await gateway.rowsOf(refused)).toMatchObject([
      { attempt: 0, status: 'refused', error_code: 'rate_limit_exceeded', charge_nano_usd: 0 },
    ])
  })

  test('shows in the headers of every answer', async () => {
    const answer = await post(chat, { key: 'key-for-a-few-tokens', headers: {} })
    // The estimate of the call is more than a hundred tokens: it can never fit, and says so.
    await expectRefused(answer, 429, { type: 'tokens' })
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(answer.headers.get('retry-after')).toBeNull()

    const fits = await post({ ...chat, max_tokens: 10 }, { key: 'key-for-a-few-tokens' })
    expect(fits.status).toBe(200)
    expect(fits.headers.get('x-ratelimit-limit-tokens')).toBe('100')
    expect(Number(fits.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(100)
    expect(fits.headers.get('x-tollgate-ratelimit-scope')).toBe('key:few-tokens')
  })

  test('on concurrency gives its place back', async () => {
    const key = 'key-for-one-at-a-time'
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(chat, { key })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 429, 429, 429, 429])
    expect((await post(chat, { key })).status).toBe(200)
  })

  test('is waited for by the openai SDK, and a hopeless call is not tried again', async () => {
    const client = new OpenAI({ apiKey: 'key-for-a-few-tokens', baseURL: `${gateway.url}/v1`, maxRetries: 2 })
    const before = Date.now()
    const call = client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'x'.repeat(1000) }],
    })
    await expect(call).rejects.toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
    expect(Date.now() - before).toBeLessThan(1_000)
  })
})

describe('an identity', () => {
  const headers = {
    'x-tollgate-user': 'Zoë',
    'x-tollgate-feature': 'search',
    'x-tollgate-agent': 'a1',
    'x-tollgate-org': 'other',
    'x-tollgate-session': 's1',
    'x-tollgate-metadata': '{"ticket":42}',
  }

  test('is the key’s own where the key may not say', async () => {
    const answer = await post({ ...chat, user: 'mallory' }, { headers: { ...headers, 'x-tollgate-user': 'mallory' } })
    const [row] = await gateway.rowsOf(answer)
    expect(row).toMatchObject({ org_id: 'default', user_id: null, feature: null, agent_id: null, metadata: null })
  })

  test('is what the call says where it may; the organisation never is', async () => {
    const open = await startGateway(database(), {
      connections: [localConnection('main', upstream.url)],
      keys: [{ id: 'open', secret, user: 'ana', allow_client_identity: true }],
    })
    const answer = await fetch(`${open.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        ...headers,
        'x-tollgate-user': Buffer.from('Zoë').toString('latin1'),
      },
      body: JSON.stringify(chat),
    })
    expect(await gateway.rowsOf(answer)).toMatchObject([
      {
        org_id: 'default',
        user_id: 'Zoë',
        feature: 'search',
        agent_id: 'a1',
        session_id: 's1',
        metadata: { ticket: 42 },
      },
    ])
    const tooMuch = await fetch(`${open.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', 'x-tollgate-metadata': '[1]' },
      body: JSON.stringify(chat),
    })
    await expectRefused(tooMuch, 400, { code: 'invalid_header', param: 'x-tollgate-metadata' })
    await open.close()
  })
})

function rawRequest(text: string): Promise<string> {
  const { hostname, port } = new URL(gateway.url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
      if (answer.includes('\r\n\r\n')) setTimeout(() => socket.destroy(), 50)
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}
