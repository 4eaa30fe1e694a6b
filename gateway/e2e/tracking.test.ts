import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UsageRow } from '../domain/usage-row.ts'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'
import { completion, sendJson, startUpstream, type Upstream } from './upstream.ts'

// Tracking, from the request to the row: who a call was for is left out where it is off, and everything else is as ever.
const database = testDatabase()
const closed = 'key-that-may-not-say-anything'
const hidden = 'key-whose-calls-are-nobodys'
let upstream: Upstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream(({ path, body }, response) => {
    const { user } = JSON.parse(body.toString())
    const echo = JSON.stringify({ error: { message: `Invalid 'user': ${user} is not allowed`, code: user } })
    if (user !== undefined) sendJson(response, 400, echo)
    else if (path.startsWith('/broken')) sendJson(response, 500, '{"error":{"message":"no","code":"boom"}}')
    else sendJson(response, 200, completion('Hi'))
  })
  const broken = upstream.url.replace(/\/v1$/, '/broken/v1')
  gateway = await startGateway(database(), {
    keys: [
      { id: 'dev', secret, allow_client_identity: true },
      { id: 'closed', secret: closed, user: 'ana', feature: 'search' },
      { id: 'hidden', secret: hidden, user: 'ana', track_usage: false, allow_client_identity: true },
    ],
    connections: [
      localConnection('first', broken, { priority: 1, models: ['pair'], track_usage: false }),
      localConnection('second', upstream.url, { priority: 2, models: ['pair'], track_usage: true }),
      localConnection('plain', upstream.url, { models: ['plain'] }),
      localConnection('quiet', upstream.url, { models: ['quiet'], track_usage: false }),
    ],
    limits: [{ scope: 'user:limited', rpm: 1 }],
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

const who = {
  'x-tollgate-user': 'ana',
  'x-tollgate-feature': 'search',
  'x-tollgate-agent': 'a1',
  'x-tollgate-agent-name': 'Agent',
  'x-tollgate-session': 's1',
  'x-tollgate-group': 'g1',
  'x-tollgate-metadata': '{"ticket":42}',
  'x-tollgate-framework': 'langchain',
  'x-tollgate-request-type': 'chat',
}
const named = {
  user_id: 'ana',
  feature: 'search',
  agent_id: 'a1',
  agent_name: 'Agent',
  session_id: 's1',
  group_name: 'g1',
  metadata: { ticket: 42 },
}
const nobody = Object.fromEntries(Object.keys(named).map((name) => [name, null]))
/** What a call is, and not who it is for. */
const always = { framework: 'langchain', request_type: 'chat', total_tokens: 7, calls: 1 }

async function ask(
  model: string,
  headers: Readonly<Record<string, string>> = who,
  key = secret,
  user?: string,
): Promise<{
  readonly rows: readonly UsageRow[]
  readonly own: OwnRequest
  readonly status: number
  readonly text: string
}> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], user }),
  })
  const text = await response.text()
  const rows = await gateway.rowsOf(response)
  return { rows, own: await ownOf(response, key), status: response.status, text }
}

interface OwnRequest {
  readonly tracked: boolean
  readonly attempts: readonly { readonly connection: string; readonly tracked: boolean }[]
}

async function ownOf({ headers }: Response, key: string): Promise<OwnRequest> {
  const path = `/v1/me/requests/${headers.get('x-request-id')}`
  const answer = await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${key}` } })
  return (await answer.json()) as OwnRequest
}

describe('a row', () => {
  test('says who its call was for, unless the request, the key or the connection says no [S3-03] [S3-04] [S3-06]', async () => {
    const tracked = await ask('plain')
    expect(tracked.rows).toMatchObject([{ ...named, ...always, tracked: true }])
    expect(tracked.own).toMatchObject({ tracked: true, attempts: [{ tracked: true }] })
    for (const untracked of [
      await ask('plain', { ...who, 'x-tollgate-track': 'off' }),
      await ask('plain', who, hidden),
      await ask('quiet'),
    ]) {
      expect(untracked.rows).toMatchObject([{ ...nobody, ...always, tracked: false }])
      expect(untracked.own).toMatchObject({ tracked: false, attempts: [{ tracked: false }] })
    }
  })

  test('goes by the nearest that says anything', async () => {
    const on = { ...who, 'x-tollgate-track': 'on' }
    expect((await ask('quiet', on)).rows).toMatchObject([{ ...named, tracked: true }])
    expect((await ask('plain', on, hidden)).rows).toMatchObject([{ ...named, tracked: true }])
  })

  test('is as its own connection has it, though another attempt of the call is not [S3-08]', async () => {
    const { rows, own } = await ask('pair')
    expect(rows).toMatchObject([
      { connection_id: 'first', status: 'failed', ...nobody, tracked: false },
      { connection_id: 'second', status: 'complete', ...named, tracked: true },
    ])
    expect(own).toMatchObject({ tracked: true, attempts: [{ tracked: false }, { tracked: true }] })
  })

  test('goes by the key alone where the key may not say who its calls are for', async () => {
    const { rows } = await ask('plain', { ...who, 'x-tollgate-track': 'off' }, closed)
    expect(rows).toMatchObject([{ user_id: 'ana', feature: 'search', agent_id: null, tracked: true }])
  })

  test('of a refusal is as the request or the key has it', async () => {
    expect((await ask('nothing-there')).rows).toMatchObject([{ attempt: 0, user_id: 'ana', tracked: true }])
    expect((await ask('nothing-there', who, hidden)).rows).toMatchObject([{ attempt: 0, ...nobody, tracked: false }])
  })
})

test('who is not tracked is limited and counted all the same [S3-08]', async () => {
  const untracked = { 'x-tollgate-user': 'limited', 'x-tollgate-track': 'off' }
  const first = await ask('plain', untracked)
  const second = await ask('plain', untracked)
  expect([first.status, second.status]).toEqual([200, 429])
  expect([...first.rows, ...second.rows]).toMatchObject([
    { user_id: null, total_tokens: 7 },
    { user_id: null, status: 'refused', error_code: 'rate_limit_exceeded' },
  ])
  expect(second.text).toContain("user 'limited'")
  expect(second.rows[0]?.error_message).toMatch(/^Rate limit reached for user '…': 1 requests per minute/)
})

test('what a provider says of somebody who is not tracked names nobody in the row, and is told to the client [S3-08]', async () => {
  const user = 'echo@example.com'
  const named = await ask('plain', {}, secret, user)
  expect(named.rows).toMatchObject([{ user_id: user, error_message: `Invalid 'user': ${user} is not allowed` }])
  // Of a key that may not say who its calls are for, the body's user is nobody's name to us, and still somebody's.
  for (const untracked of [await ask('quiet', {}, secret, user), await ask('quiet', {}, closed, user)]) {
    expect(untracked.status).toBe(400)
    expect(untracked.text).toContain(user)
    expect(untracked.rows).toMatchObject([{ tracked: false, error_message: "Invalid 'user': … is not allowed" }])
    expect(JSON.stringify(untracked.rows)).not.toContain(user)
  }
})

test('a key is told whether its calls are tracked [S3-12]', async () => {
  const me = async (key: string) => {
    const answer = await fetch(`${gateway.url}/v1/me`, { headers: { authorization: `Bearer ${key}` } })
    return answer.json()
  }
  expect(await me(secret)).toMatchObject({ key: 'dev', tracked: true })
  expect(await me(hidden)).toMatchObject({ key: 'hidden', tracked: false })
})
