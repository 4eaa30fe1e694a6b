import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { aliases, prefixAliases } from '../http/aliases.ts'
import { ignoredNames } from '../http/ignored-names.ts'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'
import { completion, sendJson, startUpstream, type Upstream } from './upstream.ts'

const database = testDatabase()
const closed = 'key-that-may-not-say-who'
let upstream: Upstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream((_, response) => sendJson(response, 200, completion('Hi')))
  gateway = await startGateway(database(), {
    connections: [
      localConnection('main', upstream.url, { models: ['gpt-*', 'org/model'] }),
      localConnection('spare', upstream.url, { models: ['gpt-*'], priority: 20 }),
      localConnection('third', upstream.url, { models: ['gpt-*'], priority: 30 }),
      localConnection('listed', upstream.url, {
        provider: 'openai',
        models: ['o3*', { 'mine/*': 'o4*' }],
        priority: 40,
      }),
    ],
    keys: [
      { id: 'open', secret, allow_client_identity: true },
      { id: 'closed', secret: closed },
      { id: 'one-a-minute', secret: 'key-for-one-call-a-minute', allow_client_identity: true },
      { id: 'mini', secret: 'key-for-the-mini-model', models: ['gpt-4o-mini'] },
    ],
    limits: [{ scope: 'user:limited', rpm: 1 }],
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

const chat = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] }

function post(headers: Record<string, string>, body: unknown = chat): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

const ours = { authorization: `Bearer ${secret}` }

function get(path: string, headers: Record<string, string> = ours, method = 'GET'): Promise<Response> {
  return fetch(`${gateway.url}${path}`, { method, headers })
}

describe('a caller who comes from another gateway', () => {
  test.each([
    [
      'one',
      {
        'x-litellm-api-key': secret,
        'x-litellm-end-user-id': 'ana',
        'x-litellm-session-id': 's1',
        'x-litellm-tags': 'a,b',
      },
      { user_id: 'ana', session_id: 's1', metadata: { tags: 'a,b' } },
    ],
    [
      'another',
      { 'x-portkey-api-key': secret, 'x-portkey-metadata': '{"_user":"ana","env":"prod"}', 'x-portkey-trace-id': 's1' },
      { user_id: 'ana', session_id: 's1', metadata: { env: 'prod' } },
    ],
    [
      'a third, whose `Authorization` is the provider’s',
      {
        authorization: 'Bearer sk-of-the-provider',
        'helicone-auth': `Bearer ${secret}`,
        'Helicone-User-Id': 'ana',
        'Helicone-Session-Id': 's1',
        'Helicone-Property-Env': 'prod',
      },
      { user_id: 'ana', session_id: 's1', metadata: { env: 'prod' } },
    ],
    [
      'a fourth, who wants nothing kept',
      {
        'cf-aig-authorization': `Bearer ${secret}`,
        'cf-aig-metadata': '{"env":"prod"}',
        'cf-aig-collect-log': 'false',
      },
      { user_id: null, session_id: null, metadata: null, tracked: false },
    ],
  ])('is served under the names of %s', async (_, headers, row) => {
    const answer = await post(headers)
    expect(answer.status).toBe(200)
    expect(await gateway.rowsOf(answer)).toMatchObject([{ key_id: 'open', tracked: true, ...row }])
  })

  test('has none of those headers sent on, nor the key', async () => {
    const names = [...new Set([...Object.values(aliases).flatMap((all) => all.map(({ header }) => header))])].filter(
      (name) => name !== 'authorization',
    )
    const prefixed = Object.values(prefixAliases).flatMap((all) => all.map(({ prefix }) => `${prefix}a`))
    const passedOver = ignoredNames.filter((name) => name.in === 'header').map(({ name }) => name)
    const sent = [...names, ...prefixed, ...passedOver, 'x-tollgate-user', 'x-tollgate-timeout-ms', 'cookie']
    const headers = Object.fromEntries(sent.map((name) => [name, '20000']))
    expect((await post({ ...headers, ...ours })).status).toBe(200)
    const got = upstream.seen[0]?.headers ?? {}
    expect(sent.filter((name) => name in got)).toEqual([])
    expect(JSON.stringify(got)).not.toContain(secret)
  })
})

describe('a call that is not tracked', () => {
  test('still counts under the limits of its user, and its refusal names nobody either', async () => {
    const headers = { ...ours, 'x-tollgate-user': 'limited', 'x-tollgate-feature': 'search', 'x-tollgate-track': 'off' }
    const first = await post(headers)
    expect(first.status).toBe(200)
    const second = await post(headers)
    expect(second.status).toBe(429)
    expect(await gateway.rowsOf(first)).toMatchObject([
      { tracked: false, user_id: null, feature: null, input_tokens: 5 },
    ])
    expect(await gateway.rowsOf(second)).toMatchObject([{ attempt: 0, tracked: false, user_id: null, feature: null }])
  })

  test('is so only where the key may say who it is', async () => {
    const answer = await post({ authorization: `Bearer ${closed}`, 'x-tollgate-track': 'off' })
    expect(await gateway.rowsOf(answer)).toMatchObject([{ key_id: 'closed', tracked: true }])
  })
})

describe('the models of a key', () => {
  test('come as a list and one by one, with a slash in the name or %2F', async () => {
    const list = (await (await get('/v1/models')).json()) as { data: { id: string }[] }
    expect(list.data.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['org/model', 'sandbox/echo', 'o3-mini', 'mine/-mini']),
    )
    for (const id of ['org/model', 'org%2Fmodel', 'sandbox%2Fecho']) {
      const answer = await get(`/v1/models/${id}`)
      expect(await answer.json()).toMatchObject({ id: decodeURIComponent(id), object: 'model' })
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
    expect(await (await get('/v1/models/gpt-of-tomorrow')).json()).toMatchObject({ owned_by: 'compatible' })
  })

  test('are another key’s to see where that may not use them', async () => {
    const mini = { authorization: 'Bearer key-for-the-mini-model' }
    expect((await get('/v1/models/gpt-4o-mini', mini)).status).toBe(200)
    const refused = await get('/v1/models/gpt-4o', mini)
    expect(refused.status).toBe(404)
    expect(await refused.json()).toMatchObject({ error: { code: 'model_not_found', param: 'model' } })
  })

  test('are told to nobody without a key, and in heads as in full', async () => {
    const unknown = await get('/v1/models', {})
    expect([unknown.status, unknown.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    for (const [path, status] of [
      ['/v1/models', 200],
      ['/v1/models/org%2Fmodel', 200],
      ['/v1/models/none', 404],
    ] as const) {
      const head = await get(path, ours, 'HEAD')
      expect([path, head.status, await head.text()]).toEqual([path, status, ''])
      expect(head.headers.get('x-request-id')).toMatch(/^req_/)
    }
    expect((await get('/v1/chat/completions')).headers.get('allow')).toBe('POST')
  })
})

describe('what became of a call', () => {
  test('is told with the attempt that failed before the one that answered', async () => {
    let calls = 0
    upstream.answer = (_, response) =>
      calls++ === 0
        ? sendJson(response, 500, '{"error":{"message":"broken","code":"oops"}}')
        : sendJson(response, 200, completion('Hi'))
    const answer = await post(ours)
    const id = answer.headers.get('x-request-id')
    expect(await (await get(`/v1/me/requests/${id}`)).json()).toMatchObject({
      id,
      complete: true,
      status: 'complete',
      success: true,
      charge_usd: answer.headers.get('x-tollgate-cost-usd'),
      attempts: [
        {
          attempt: 1,
          connection: 'main',
          provider: 'compatible',
          model: 'gpt-4o-mini',
          status: 'failed',
          http_status: 500,
          error: { code: 'oops', message: 'broken' },
        },
        { attempt: 2, connection: 'spare', status: 'complete', http_status: 200, usage: { source: 'provider' } },
      ],
    })
    const others = await get(`/v1/me/requests/${id}`, { authorization: `Bearer ${closed}` })
    expect(others.status).toBe(404)
  })

  test('is told of a refusal, with its reason', async () => {
    const refused = await post({ authorization: 'Bearer key-for-the-mini-model' }, { ...chat, model: 'gpt-4o' })
    const told = await get(`/v1/me/requests/${refused.headers.get('x-request-id')}`, {
      authorization: 'Bearer key-for-the-mini-model',
    })
    expect(await told.json()).toMatchObject({
      complete: true,
      status: 'refused',
      attempts: [],
      http_status: 403,
      error: { code: 'model_not_allowed' },
    })
  })

  test('is under way while it is', async () => {
    let answerNow = () => {}
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n')
      answerNow = () =>
        response.end('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    }
    const answer = await post(ours, { ...chat, stream: true })
    const path = `/v1/me/requests/${answer.headers.get('x-request-id')}`
    expect(await (await get(path)).json()).toMatchObject({ complete: false, status: 'in_progress', charge_usd: null })
    answerNow()
    await answer.text()
    expect(await (await get(path)).json()).toMatchObject({ complete: true, status: 'complete' })
  })
})

test('a key’s calls are listed page by page, newest first, and nobody else’s', async () => {
  const own = { authorization: 'Bearer key-for-one-call-a-minute' }
  const ids: (string | null)[] = []
  for (let n = 0; n < 3; n++) {
    const answer = await post(own)
    await gateway.rowsOf(answer)
    ids.unshift(answer.headers.get('x-request-id'))
  }
  const page = async (query: string) => (await get(`/v1/me/requests${query}`, own)).json() as Promise<Page>
  const first = await page('?limit=2')
  expect(first).toMatchObject({
    object: 'list',
    has_more: true,
    data: [{ id: ids[0], complete: true }, { id: ids[1] }],
  })
  const second = await page(`?limit=2&cursor=${first.next_cursor}`)
  expect(second).toMatchObject({
    has_more: false,
    next_cursor: null,
    data: [{ id: ids[2], attempts: [{ attempt: 1 }] }],
  })
  expect((await page('')).data).toHaveLength(3)
  for (const query of ['?limit=0', '?limit=101', '?limit=x', '?cursor=req_1']) {
    expect([query, (await get(`/v1/me/requests${query}`, own)).status]).toEqual([query, 400])
  }
})

interface Page {
  readonly data: readonly { readonly id: string }[]
  readonly next_cursor: string | null
}

describe('a request that asks for fewer attempts', () => {
  test.each([
    ['ours', { 'x-tollgate-max-attempts': '1' }, '1'],
    ['an alias', { 'x-portkey-retry-count': '1' }, '2'],
    ['an SDK that has tried before', { 'x-stainless-retry-count': '1' }, '2'],
  ])('by %s gets no more', async (_, headers, attempts) => {
    upstream.answer = (_seen, response) => sendJson(response, 500, '{"error":{"message":"broken"}}')
    const answer = await post({ ...ours, ...headers })
    expect(answer.headers.get('x-tollgate-attempts')).toBe(attempts)
  })

  test('is counted where it says that it is a retry', async () => {
    const retries = async () => {
      const text = await (await get('/metrics')).text()
      return Number(/^tollgate_client_retries_total (\d+)$/m.exec(text)?.[1])
    }
    const before = await retries()
    await post({ ...ours, 'x-stainless-retry-count': '1' })
    expect(await retries()).toBe(before + 1)
  })
})
