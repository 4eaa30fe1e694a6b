import { afterAll, beforeAll, expect, test } from 'vitest'
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

// A call that one connection broke and another answered costs what both did, wherever it is told.
const database = testDatabase()
let upstream: Upstream
let gateway: TestGateway

/** It states what it used, and no answer: 5 and 2. */
const refusal = JSON.stringify({
  error: { message: 'It broke down.', type: 'server_error', param: null, code: 'broke_down' },
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
})

beforeAll(async () => {
  upstream = await startUpstream(({ path, body }, response) => {
    if (path.startsWith('/broken')) sendJson(response, 200, refusal)
    else if (JSON.parse(body.toString()).stream)
      sendStream(response, [event({ content: 'Hi' }, 'stop'), usageEvent, doneEvent])
    else sendJson(response, 200, completion('Hi'))
  })
  const models = { models: ['gpt-4o-mini'] }
  gateway = await startGateway(database(), {
    connections: [
      localConnection('first', upstream.url.replace(/\/v1$/, '/broken/v1'), { ...models, priority: 1 }),
      localConnection('second', upstream.url, { ...models, priority: 2 }),
    ],
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

const authorization = `Bearer ${secret}`

function post(more: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }], ...more }),
  })
}

test('the header of an answer tells what its rows and the request do', async () => {
  const answer = await post({})
  await answer.text()
  const rows = await gateway.rowsOf(answer)
  // 5 × $0.15 and 2 × $0.60 a million, twice.
  expect(rows).toMatchObject([
    { attempt: 1, status: 'failed', usage_source: 'provider', charge_nano_usd: 1_950 },
    { attempt: 2, status: 'complete', usage_source: 'provider', charge_nano_usd: 1_950 },
  ])
  expect(answer.headers.get('x-tollgate-cost-usd')).toBe('0.0000039')
  const own = await fetch(`${gateway.url}/v1/me/requests/${answer.headers.get('x-request-id')}`, {
    headers: { authorization },
  })
  expect(await own.json()).toMatchObject({ charge_usd: '0.0000039' })
})

test('so does the last usage chunk of a stream', async () => {
  const answer = await post({ stream: true }, { 'x-tollgate-usage': 'true' })
  const [, member = ''] = /"tollgate":(\{[^}]*\})/.exec(await answer.text()) ?? []
  // 3 tokens of output in the stream.
  expect(JSON.parse(member)).toEqual({ cost_usd: '0.0000045', usage_source: 'provider' })
})
