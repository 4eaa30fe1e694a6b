import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'
import { completion, sendJson, startUpstream, type Upstream } from './upstream.ts'

/** How connections fare is seen in who is asked, and told in `/health` and `/metrics`. */
const database = testDatabase()
let first: Upstream
let second: Upstream
let gateway: TestGateway

beforeEach(async () => {
  first = await startUpstream((_, response) => sendJson(response, 200, completion('first')))
  second = await startUpstream((_, response) => sendJson(response, 200, completion('second')))
  gateway = await startGateway(database(), {
    connections: [
      localConnection('first', first.url, { priority: 1 }),
      localConnection('second', second.url, { priority: 2 }),
    ],
  })
})
afterEach(async () => {
  await gateway?.close()
  await Promise.all([first?.close(), second?.close()])
})

async function ask(): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] }),
  })
  await response.text()
  return response.status
}

interface Told {
  readonly connections: readonly Readonly<Record<string, unknown>>[]
}

async function told(id: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { connections } = (await (await fetch(`${gateway.url}/health`)).json()) as Told
  return connections.find((connection) => connection['id'] === id)
}

async function figure(id: string): Promise<string | undefined> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text()
  return text.split('\n').find((line) => line.startsWith(`tollgate_connection_health{connection="${id}"}`))
}

const failing: Upstream['answer'] = (_, response) => sendJson(response, 500, '{"error":{"message":"ill"}}')

describe('a connection that fails', () => {
  test('is left alone after three failures in a row, and asked again by one probe', async () => {
    first.answer = failing
    for (let i = 0; i < 6; i++) expect(await ask()).toBe(200)
    expect(first.seen).toHaveLength(3)
    expect(second.seen).toHaveLength(6)
    expect(await told('first')).toMatchObject({
      status: 'active',
      health: 'warning',
      why: expect.stringMatching(/^3 errors in a row; rests after failures: 1 s left$/),
      attempts: 3,
      success_rate: 0,
      errors_in_a_row: 3,
      last_error_at: expect.stringMatching(/^20\d\d-/),
      available: false,
      reason: 'connection',
    })
    expect(await figure('first')).toMatch(/ 2$/)

    first.answer = (_, response) => sendJson(response, 200, completion('first'))
    await expect.poll(() => told('first'), { timeout: 3_000 }).toMatchObject({ available: true })
    await Promise.all(Array.from({ length: 20 }, ask))
    const before = second.seen.length
    expect(before).toBeLessThan(6 + 20)
    expect(await ask()).toBe(200)
    expect(second.seen).toHaveLength(before)
    // It answers, and is not forgiven yet.
    expect(await told('first')).toMatchObject({
      health: expect.stringMatching(/^(warning|critical)$/),
      why: expect.stringMatching(/^success [\d.]+ % in 5 min, below \d+ %$/),
      errors_in_a_row: 0,
      available: true,
    })
  })

  test('is asked all the same where there is no other', async () => {
    for (const upstream of [first, second]) upstream.answer = failing
    for (let i = 0; i < 8; i++) expect(await ask()).toBe(502)
    first.answer = (_, response) => sendJson(response, 200, completion('first'))
    second.answer = first.answer
    expect(await ask()).toBe(200)
  })
})

test('a connection whose credential was refused is shown as what only its owner can mend', async () => {
  first.answer = (_, response) => sendJson(response, 401, '{"error":{"message":"no"}}')
  expect(await ask()).toBe(200)
  expect(await ask()).toBe(200)
  expect(first.seen).toHaveLength(1)
  expect(await told('first')).toMatchObject({
    status: 'error',
    health: 'critical',
    why: 'its provider refused its credential',
    available: false,
  })
  expect(await figure('first')).toMatch(/ 3$/)
  expect(await told('second')).toMatchObject({ status: 'active', health: 'healthy', last_error_at: null })
})

test('where every provider is at its limit, the caller is told when to come again', async () => {
  for (const upstream of [first, second]) {
    upstream.answer = (_, response) => {
      response.setHeader('retry-after', '7')
      sendJson(response, 429, '{"error":{"message":"slow down","code":"rate_limit_exceeded"}}')
    }
  }
  expect(await ask()).toBe(429)
  expect(await ask()).toBe(429)
  expect(first.seen).toHaveLength(1)
  expect(await told('first')).toMatchObject({ health: 'degraded', why: "its provider's limit is reached: 7 s left" })
})
