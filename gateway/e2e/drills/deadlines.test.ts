import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../database.ts'
import { localConnection, startGateway, type TestGateway } from '../gateway.ts'
import { doneEvent } from '../upstream.ts'
import { streamFrom, well } from './answers.ts'
import { brokenAfterContent, brokenBeforeContent } from './broken-answers.ts'
import { type MisbehavingUpstream, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { ask, errorIn, type Question } from './raw-client.ts'
import { slowAnswers } from './slow-answers.ts'
import { standingOf } from './standings.ts'

/** Every wait has an end: the connection's, or the client's own, which is no fault of the connection. */
const plays = { well, ...brokenBeforeContent, ...brokenAfterContent, ...slowAnswers }

/** All but the last three are looked at once a second. */
const tickMs = 1_100
const slackMs = 600

interface Deadline {
  readonly play: keyof typeof plays
  readonly timeouts?: Readonly<Record<string, number>>
  readonly question?: Omit<Question, 'model'>
  /** When it is over. */
  readonly ms: readonly [least: number, most: number]
  /** Whether the client has content by then, and is told in the stream. */
  readonly inStream?: true
  /** Of the connection, afterwards; healthy where the deadline was the client's own. */
  readonly blamed: boolean
}

const stream = { stream: true }
const own = (name: string, value: string, more: Omit<Question, 'model'> = stream) => ({
  ...more,
  headers: { [name]: value },
})
const around = (ms: number, slack = slackMs): readonly [number, number] => [ms - 20, ms + slack]

const deadlines: Readonly<Record<string, Deadline>> = {
  first_byte_ms: { play: 'silent', timeouts: { first_byte_ms: 400 }, question: stream, ms: around(400), blamed: true },
  first_token_ms: {
    play: 'silent-after-preamble',
    timeouts: { first_token_ms: 500 },
    question: stream,
    ms: around(500, tickMs + slackMs),
    blamed: true,
  },
  idle_ms: {
    play: 'silent-in-the-middle',
    timeouts: { idle_ms: 500 },
    question: stream,
    ms: around(500, 2 * tickMs + slackMs),
    inStream: true,
    blamed: true,
  },
  'total_ms of a stream': {
    play: 'endless',
    timeouts: { total_ms: 1_500 },
    question: stream,
    ms: around(1_500, tickMs + slackMs),
    inStream: true,
    blamed: true,
  },
  'total_ms of a whole answer': { play: 'silent', timeouts: { total_ms: 600 }, ms: around(600), blamed: true },
  'x-tollgate-timeout-ms': {
    play: 'silent',
    question: own('x-tollgate-timeout-ms', '500'),
    ms: around(500),
    blamed: false,
  },
  'x-tollgate-timeout-ms, in the stream': {
    play: 'endless',
    question: own('x-tollgate-timeout-ms', '800'),
    ms: around(800, tickMs + slackMs),
    inStream: true,
    blamed: false,
  },
  'x-tollgate-first-token-timeout-ms': {
    play: 'silent-after-head',
    question: own('x-tollgate-first-token-timeout-ms', '500'),
    ms: around(500, tickMs + slackMs),
    blamed: false,
  },
  'x-tollgate-first-token-timeout-ms, before the head': {
    play: 'silent',
    question: own('x-tollgate-first-token-timeout-ms', '500'),
    ms: around(500),
    blamed: false,
  },
  // Two seconds before the SDK hangs up.
  'x-stainless-timeout': {
    play: 'silent',
    question: own('x-stainless-timeout', '3', {}),
    ms: around(1_000),
    blamed: false,
  },
  'x-stainless-timeout of a stream': {
    play: 'silent',
    question: own('x-stainless-timeout', '3'),
    ms: around(1_000),
    blamed: false,
  },
}

const database = testDatabase()
let upstream: MisbehavingUpstream
let gateway: TestGateway

/** As a connection is named after it. */
const slug = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')

beforeAll(async () => {
  upstream = await startMisbehavingUpstream(plays)
  const connections = Object.entries(deadlines).map(([name, { play, timeouts = {} }]) =>
    localConnection(slug(name), upstream.at(play, slug(name)), { models: [slug(name)], timeouts }),
  )
  const pair = [
    localConnection('slow', upstream.at('silent', 'slow'), {
      models: ['pair'],
      priority: 1,
      timeouts: { total_ms: 600 },
    }),
    localConnection('other', upstream.at('well', 'other'), { models: ['pair'], priority: 2 }),
  ]
  gateway = await startGateway(database(), { connections: [...connections, ...pair], settings: { ping_after_ms: 0 } })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

describe.concurrent('a deadline', () => {
  test.each(Object.entries(deadlines))('%s is kept, and the provider is left', async (name, deadline) => {
    const { question = {}, ms, inStream, blamed } = deadline
    const view = await ask(gateway.url, { model: slug(name), ...question })
    expect(view.tookMs).toBeGreaterThanOrEqual(ms[0])
    expect(view.tookMs).toBeLessThanOrEqual(ms[1])
    expect(view).toMatchObject({ status: inStream ? 200 : 504, whole: true })
    expect(errorIn(view.text)).toMatchObject({ code: 'upstream_timeout' })
    expect(view.text).not.toContain(doneEvent)
    const [row] = await gateway.rowsOf(view)
    const status = inStream ? (blamed ? 'truncated' : 'cut') : 'failed'
    expect(row).toMatchObject({ status, success: false, error_code: 'upstream_timeout' })
    expect(upstream.asked(slug(name))[0]?.abortedMs).toBeDefined()
    expect(await standingOf(gateway.url, slug(name))).toMatchObject({ health: blamed ? 'degraded' : 'healthy' })
  })

  test('of one connection leaves time for another that has more', async () => {
    const view = await ask(gateway.url, { model: 'pair', stream: true })
    expect(view).toMatchObject({ status: 200, text: streamFrom('other') })
  })

  test('of the client is for all attempts together', async () => {
    const view = await ask(gateway.url, { model: 'pair', ...own('x-tollgate-timeout-ms', '400') })
    expect(view.status).toBe(504)
    expect(view.tookMs).toBeLessThan(400 + slackMs)
    expect(await gateway.rowsOf(view)).toHaveLength(1)
  })
})
