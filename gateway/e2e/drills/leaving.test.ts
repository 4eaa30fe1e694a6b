import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UsageRow } from '../../domain/usage-row.ts'
import { testDatabase } from '../database.ts'
import { localConnection, secret, startGateway, type TestGateway } from '../gateway.ts'
import { brokenBeforeContent } from './broken-answers.ts'
import { inLanes } from './lanes.ts'
import { type MisbehavingUpstream, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { post } from './raw-client.ts'
import { slowAnswers } from './slow-answers.ts'
import { healthOf } from './standings.ts'

/** Clients who leave, at every stage of their calls: the provider is left too, and there is a row. */
const torture = process.env['TOLLGATE_TORTURE'] === '1'
const leaversOf = torture ? 500 : 50
/** In 99 % of the calls. */
const noticedMs = 250

const plays = { ...brokenBeforeContent, ...slowAnswers }
const database = testDatabase()
let upstream: MisbehavingUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startMisbehavingUpstream(plays)
  const of = (id: keyof typeof plays, more = {}) => localConnection(id, upstream.at(id, id), { models: [id], ...more })
  gateway = await startGateway(database(), {
    keys: [{ id: 'dev', secret, allow_client_identity: true }],
    connections: [of('silent'), of('silent-after-preamble'), of('endless'), of('late-whole')],
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

/** The final rows of these users, in the order of asking. */
async function rowsOf(users: readonly string[]): Promise<readonly UsageRow[]> {
  const { sql } = database().database
  const found = async () => {
    const rows = await sql<{ row: UsageRow }[]>`
      SELECT to_jsonb(usage) AS row FROM tollgate.usage WHERE user_id IN ${sql(users)} AND revision = 2
    `
    return rows.map(({ row }) => row)
  }
  await expect.poll(async () => (await found()).length, { timeout: 10_000 }).toBe(users.length)
  const rows = await found()
  return users.flatMap((user) => rows.filter(({ user_id }) => user_id === user))
}

interface Left {
  readonly user: string
  readonly leftMs: number
}

/** Asks, waits as long as it is told to, and leaves. */
async function leave(
  model: string,
  user: string,
  stream: boolean,
  when: (answer: Promise<Response>) => Promise<unknown>,
): Promise<Left> {
  const controller = new AbortController()
  const answer = post(gateway.url, { model, stream, more: { user } }, controller.signal)
  answer.catch(() => {})
  await when(answer)
  const leftMs = performance.now()
  controller.abort()
  return { user, leftMs }
}

/** Waits until the provider has been asked by this user. */
async function askedOf(role: string, user: string): Promise<void> {
  while (!upstream.asked(role).some(({ body }) => body.user === user)) await sleep(5)
}

async function contentOf(answer: Promise<Response>, events: number): Promise<void> {
  const reader = (await answer).body?.getReader()
  const decoder = new TextDecoder()
  for (let text = ''; text.split('\n\n').length <= events; ) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
    if (done) return
    text += decoder.decode(value, { stream: true })
  }
}

const stages = [
  ['before the head', 'silent', (user: string) => askedOf('silent', user)],
  [
    'in the preamble',
    'silent-after-preamble',
    async (user: string) => {
      await askedOf('silent-after-preamble', user)
      await sleep(30)
    },
  ],
  [
    'in the middle',
    'endless',
    (user: string, answer: Promise<Response>) => contentOf(answer, 1 + (Number(user.split('-').at(-1)) % 7)),
  ],
] as const

describe.each(stages)('%s', (stage, role, until) => {
  test(`${leaversOf} clients leave a stream, and the provider is left at once`, {
    timeout: torture ? 300_000 : 20_000,
  }, async () => {
    const users = Array.from({ length: leaversOf }, (_, n) => `${role}-${n}`)
    const left = await inLanes(10, users, (user) => leave(role, user, true, (answer) => until(user, answer)))
    await expect.poll(async () => (await healthOf(gateway.url)).live_attempts, { timeout: 3_000 }).toBe(0)

    const late = left.filter(({ user, leftMs }) => {
      const asked = upstream.asked(role).find(({ body }) => body.user === user)
      return (asked?.abortedMs ?? Number.POSITIVE_INFINITY) - leftMs > noticedMs
    })
    expect(late.length).toBeLessThanOrEqual(Math.ceil(leaversOf / 100))

    for (const row of await rowsOf(users)) {
      expect(row).toMatchObject({ attempt: 1, status: 'client_closed', success: false, usage_source: 'counted' })
      expect(row.input_tokens, stage).toBeGreaterThan(0)
      if (role !== 'endless') continue
      // Every event is a word, and every word a token: what the provider had sent is what is counted.
      const said = upstream.asked(role).find(({ body }) => body.user === row.user_id)?.said ?? ''
      const words = said.split(' word').length - 1
      expect(Math.abs((row.output_tokens ?? 0) - words)).toBeLessThanOrEqual(2)
    }
  })
})

test('a whole answer is read to its end for the bill, though nobody waits for it', async () => {
  const { user } = await leave('late-whole', 'late-whole-0', false, () => askedOf('late-whole', 'late-whole-0'))
  expect(await rowsOf([user])).toMatchObject([
    { status: 'client_closed', http_status: 200, usage_source: 'provider', input_tokens: 5, output_tokens: 2 },
  ])
  expect(upstream.asked('late-whole')[0]?.abortedMs).toBeUndefined()
})

test('nobody who left is held against a connection', async () => {
  for (const { health } of (await healthOf(gateway.url)).connections) expect(health).toBe('healthy')
})
