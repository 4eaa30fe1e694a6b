import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UsageRow } from '../../domain/usage-row.ts'
import { testDatabase } from '../database.ts'
import { localConnection, startGateway, type TestGateway } from '../gateway.ts'
import { doneEvent } from '../upstream.ts'
import { streamFrom, wholeFrom } from './answers.ts'
import { brokenAfterContent, brokenBeforeContent } from './broken-answers.ts'
import { inLanes } from './lanes.ts'
import { type MisbehavingUpstream, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { oddAnswers } from './odd-answers.ts'
import { ask, errorIn, type View } from './raw-client.ts'
import { refusals } from './refusals.ts'
import { type ConnectionHealth, healthOf, standingOf } from './standings.ts'

/**
 * Every way in which a provider can misbehave, four times: asked for a stream and for a whole answer, with another
 * connection behind it and alone. What the client sees, which attempts are rows, what health says of the connection.
 */

const plays = { ...refusals, ...brokenBeforeContent, ...brokenAfterContent, ...oddAnswers }
type Name = keyof typeof plays | keyof typeof doors

/** Addresses at which no request is ever read. */
const doors = {
  refused: undefined,
  'plain-to-tls': (socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'silent-to-tls': () => {},
}

/** What is to come of a play. */
interface Expected {
  /** Another connection answers in its place. */
  readonly failsOver: boolean
  /** What the client sees where there is no other; or, where nothing fails over, always. */
  readonly told: Told
  /** Of the row of its attempt. */
  readonly row: Row
  readonly health: Standing
}

type Told =
  /** Our own word, before anything else was said. */
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  /** What the provider said, and its status. */
  | { readonly kind: 'as said'; readonly status: number }
  /** What the provider said as far as it was whole events, and then, unless it said so itself, that it broke. */
  | { readonly kind: 'broken'; readonly code: string }
  /** Some of the body, and no end. */
  | { readonly kind: 'cut' }

/** What health says of the connection a moment later. */
type Standing = Readonly<Partial<Record<keyof ConnectionHealth, unknown>>> & {
  readonly restsMs?: readonly [least: number, most: number]
}

const wellStanding: Standing = { health: 'healthy', available: true, errors_in_a_row: 0 }
const failedOnce: Standing = { health: 'degraded', available: true, errors_in_a_row: 1 }

// The table's words. Each says what the client sees where nobody else can answer, or, of `asSaid` and `broken`, always.

/** Its input is counted, and charged to nobody by the default policy. */
const maybeBilled = {
  flags: expect.arrayContaining(['maybe_billed']),
  usage_source: 'counted',
  output_tokens: expect.toBeOneOf([0, null]),
  cost_nano_usd: expect.any(Number),
  charge_nano_usd: 0,
} as const

function orElse(status: number, code: string, row: Row, health: Standing = failedOnce): Expected {
  return { failsOver: true, told: { kind: 'refused', status, code }, row: { status: 'failed', ...row }, health }
}
const orElse502 = (row: Row, health?: Standing) => orElse(502, 'upstream_error', row, health)
const orElse502OfReset = orElse502({ error_code: 'connection_reset', ...maybeBilled })
const orElse502OfNoAnswer = orElse502({ http_status: 200, ...maybeBilled })
/** Whoever refuses in words has billed nothing, whatever the status. */
const orElse502InWords = orElse502({
  http_status: 200,
  error_code: 'engine_fire',
  cost_nano_usd: 0,
  charge_nano_usd: 0,
})
const orElse502OfCredential = (row: Row) =>
  orElse(
    502,
    'upstream_credentials_exhausted',
    { cost_nano_usd: 0, ...row },
    { status: 'error', health: 'critical', available: false, reason: 'credential' },
  )
const orElse504 = orElse(504, 'upstream_timeout', { error_code: 'upstream_timeout', ...maybeBilled })
/** Between these milliseconds from now the connection may be asked again. */
const orElse429 = (least: number, most = least) =>
  orElse(
    429,
    'upstream_rate_limited',
    { http_status: 429, cost_nano_usd: 0, error_code: expect.any(String) },
    { health: 'degraded', available: false, reason: 'limit', restsMs: [least, most] },
  )

const asSaid = (status: number, code: string): Expected => ({
  failsOver: false,
  told: { kind: 'as said', status },
  row: { status: 'failed', success: false, http_status: status, error_code: code, cost_nano_usd: 0 },
  health: wellStanding,
})
const asSaid200 = (row: Row = {}): Expected => ({
  failsOver: false,
  told: { kind: 'as said', status: 200 },
  row: { status: 'complete', success: true, http_status: 200, usage_source: 'provider', ...row },
  health: wellStanding,
})
/** A 200 that ends in an error of this code. */
const broken = (code: string): Expected => ({
  failsOver: false,
  told: { kind: 'broken', code },
  row: { status: 'truncated', success: false, http_status: 200, error_code: code, usage_source: 'counted' },
  health: failedOnce,
})

type Modes = Readonly<Record<'stream' | 'whole', Expected>>
const both = (expected: Expected): Modes => ({ stream: expected, whole: expected })

const expected: Readonly<Record<Name, Modes>> = {
  '400': both(asSaid(400, 'bad_thing')),
  '401': both(orElse502OfCredential({ http_status: 401 })),
  '402': both(orElse502OfCredential({ http_status: 402 })),
  '403': both(orElse502OfCredential({ http_status: 403 })),
  // What is not there may be elsewhere, and where it is not the provider's word stands.
  '404': both({ ...asSaid(404, 'model_not_found'), failsOver: true }),
  '408': both(orElse502({ http_status: 408, ...maybeBilled })),
  '422': both(asSaid(422, 'unprocessable')),
  '500': both(orElse502({ http_status: 500, error_code: 'boom', cost_nano_usd: 0 })),
  '503': both(orElse502({ http_status: 503, error_code: 'overloaded', cost_nano_usd: 0 })),
  '504': both(orElse502({ http_status: 504, ...maybeBilled })),
  '529': both(orElse502({ http_status: 529, error_code: 'overloaded', cost_nano_usd: 0 })),
  '503-retry-after': both(
    orElse502(
      { http_status: 503 },
      { health: 'degraded', available: false, reason: 'connection', restsMs: [9_000, 9_000] },
    ),
  ),
  '429-seconds': both(orElse429(7_000)),
  '429-fraction': both(orElse429(1_500)),
  '429-date': both(orElse429(30_000)),
  '429-ms': both(orElse429(2_500)),
  '429-soon': both({ ...orElse429(300), health: { restsMs: [0, 300] } }),
  '429-absurd': both(orElse429(600_000)),
  // To come back at once, which the client is told as the least that a header can say.
  '429-negative': both({ ...orElse429(0), health: { health: expect.any(String), restsMs: [0, 1_000] } }),
  '429-garbage': both(orElse429(1_000, 2_000)),
  '429-bare': both(orElse429(1_000, 2_000)),
  '429-hint': both(orElse429(9_500)),
  '429-retry-info': both(orElse429(12_000)),
  'quota-spent': both(orElse502OfCredential({ http_status: 429, error_code: 'insufficient_quota' })),
  redirect: both(orElse502({ http_status: 307 })),
  trap: both(asSaid200()),
  'refusal-without-end': both(orElse502({ http_status: 500, flags: [] })),
  'refusal-of-a-megabyte': both(orElse502({ http_status: 500 })),
  refused: both(orElse502({ http_status: null, error_code: 'connect_failed', cost_nano_usd: 0 })),
  'plain-to-tls': both(orElse502({ error_code: 'connect_failed', cost_nano_usd: 0 })),
  'silent-to-tls': both(orElse502({ cost_nano_usd: 0, flags: [] })),

  'reset-at-once': both(orElse502OfReset),
  'closed-at-once': both(orElse502OfReset),
  silent: both(orElse504),
  'silent-after-head': both(orElse504),
  'silent-after-preamble': both(orElse504),
  'preamble-reset': both(orElse502OfReset),
  'preamble-of-63-events': both(orElse502OfReset),
  'preamble-closed': both(orElse502OfReset),
  'comments-closed': both(orElse502OfReset),
  'preamble-error': { stream: orElse502InWords, whole: orElse502OfNoAnswer },
  'error-first': { stream: orElse502InWords, whole: orElse502OfNoAnswer },
  'error-in-a-whole-200': both(orElse502InWords),
  'callers-error-first': {
    stream: {
      ...asSaid(200, 'too_long'),
      row: { success: false, error_code: 'too_long', cost_nano_usd: 0, charge_nano_usd: 0, flags: [] },
      health: wellStanding,
    },
    whole: orElse502OfNoAnswer,
  },
  'preamble-end': both(orElse502OfNoAnswer),
  empty: both(orElse502OfNoAnswer),
  'web-page': both(orElse502OfNoAnswer),
  'two-lengths': both(orElse502OfReset),
  'length-and-chunks': both(orElse502OfReset),
  'no-http': both(orElse502OfReset),

  'preamble-of-64-events': { stream: broken('upstream_stream_truncated'), whole: orElse502OfReset },
  'preamble-of-300-kilobytes': { stream: broken('upstream_stream_truncated'), whole: orElse502OfReset },
  'cut-closed': { stream: broken('upstream_stream_truncated'), whole: orElse502OfReset },
  'cut-reset': { stream: broken('upstream_stream_truncated'), whole: orElse502OfReset },
  'cut-before-usage': { stream: broken('upstream_stream_truncated'), whole: orElse502OfReset },
  'cut-in-an-event': { stream: broken('upstream_stream_truncated'), whole: orElse502OfReset },
  'cut-in-a-chunk': { stream: broken('upstream_stream_truncated'), whole: orElse502OfReset },
  'nonsense-for-a-chunk': { stream: broken('upstream_stream_truncated'), whole: orElse502OfReset },
  'silent-in-the-middle': { stream: broken('upstream_timeout'), whole: orElse504 },
  'no-end': { stream: broken('upstream_stream_truncated'), whole: orElse502OfNoAnswer },
  'error-after-content': { stream: broken('engine_fire'), whole: orElse502OfNoAnswer },
  'event-without-end': {
    stream: broken('upstream_response_too_large'),
    whole: { ...broken('upstream_response_too_large'), told: { kind: 'cut' } },
  },

  well: both(asSaid200()),
  packed: both(asSaid200()),
  'other-line-ends-crlf': both(asSaid200()),
  'other-line-ends-cr': both(asSaid200()),
  'byte-order-mark': both(asSaid200()),
  comments: both(asSaid200()),
  'byte-by-byte': both(asSaid200()),
  'malformed-event': both(asSaid200()),
  'no-done': { stream: asSaid200({ usage_source: 'counted' }), whole: asSaid200() },
  'no-finish-reason': { stream: asSaid200({ usage_source: 'counted' }), whole: asSaid200() },
  'no-usage': { stream: asSaid200({ usage_source: 'counted' }), whole: asSaid200() },
  'interim-flood': both(asSaid200()),
  'more-than-the-length': both(asSaid200()),
  'whole-to-stream': both(asSaid200()),
  'no-content-type': both(asSaid200()),
  'whole-without-usage': both(asSaid200({ usage_source: 'counted' })),
  'stream-to-whole': { stream: asSaid200(), whole: orElse502OfNoAnswer },
}

const modes = ['stream', 'whole'] as const
const companies = ['pair', 'alone'] as const
const names = Object.keys(expected) as readonly Name[]

/** Of a row, the members that matter, as SQL has them: what is not there is null. */
type Row = Readonly<Partial<Record<keyof UsageRow, unknown>>>

interface Drill {
  readonly view: View
  /** A moment later. */
  readonly standing: ConnectionHealth
  readonly rows: readonly UsageRow[]
}

const database = testDatabase()
let upstream: MisbehavingUpstream
let gateway: TestGateway
const drills = new Map<string, Drill>()

/** For those who would never come to an end; others are not to be hurried by a busy machine. */
const short = { connect_ms: 500, first_byte_ms: 1_500, first_token_ms: 1_500, idle_ms: 1_500, total_ms: 3_000 }
const endless = /silent|refusal-without-end/
const longestMs = 10_000
const momentMs = 1_500

beforeAll(async () => {
  upstream = await startMisbehavingUpstream(plays)
  const addresses = new Map<string, string>()
  for (const [door, answer] of Object.entries(doors)) addresses.set(door, await openDoor(answer))
  const addressOf = (name: Name, role: string): string => addresses.get(name) ?? upstream.at(name, role)
  const connections = names.flatMap((name) =>
    modes.flatMap((mode) =>
      companies.map((company) => {
        const id = `${name}.${mode}.${company}`
        return localConnection(id, addressOf(name, id), {
          models: [`${name}/${mode}/${company}`],
          priority: 1,
          ...(endless.test(name) && { timeouts: short }),
        })
      }),
    ),
  )
  const other = localConnection('other', upstream.at('well', 'other'), { models: ['*/pair'], priority: 2 })
  gateway = await startGateway(database(), { connections: [...connections, other], settings: { ping_after_ms: 0 } })
  const questions = names.flatMap((name) =>
    modes.flatMap((mode) => companies.map((company) => ({ name, mode, company }))),
  )
  // The long ones first.
  questions.sort((a, b) => Number(endless.test(b.name)) - Number(endless.test(a.name)))
  await inLanes(40, questions, async ({ name, mode, company }) => {
    const view = await ask(gateway.url, { model: `${name}/${mode}/${company}`, stream: mode === 'stream' })
    const id = `${name}.${mode}.${company}`
    const standing = await standingOf(gateway.url, id)
    drills.set(id, { view, standing, rows: await gateway.rowsOf(view) })
  })
}, 90_000)
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
  for (const listener of listeners) listener.close()
})

function drillOf(id: string): Drill {
  const drill = drills.get(id)
  if (!drill) throw new Error(`there was no drill ${id}`)
  return drill
}

describe.each(names)('%s', (name) => {
  describe.each(modes)('%s', (mode) => {
    const { failsOver: over, row, health } = expected[name][mode]

    test(over ? 'is made good by another connection' : 'is the answer, whoever else there is', () => {
      const id = `${name}.${mode}.pair`
      const { view, rows } = drillOf(id)
      const first = { attempt: 1, connection_id: id, ...row }
      if (!over) {
        expectTold(view, expected[name][mode], id)
        expect(rows).toMatchObject([first])
        return
      }
      expect(view).toMatchObject({
        status: 200,
        whole: true,
        text: mode === 'stream' ? streamFrom('other') : wholeFrom('other'),
      })
      expect(view.headers.get('x-tollgate-connection')).toBe('other')
      expect(view.headers.get('x-tollgate-attempts')).toBe('2')
      const second = { attempt: 2, connection_id: 'other', status: 'complete', success: true, usage_source: 'provider' }
      expect(rows).toMatchObject([first, second])
    })

    test('alone it is told for what it is', () => {
      const id = `${name}.${mode}.alone`
      const { view, rows } = drillOf(id)
      expectTold(view, expected[name][mode], id)
      expect(rows).toMatchObject([{ attempt: 1, connection_id: id, success: row.status === 'complete', ...row }])
    })

    test('is what health says of the connection', () => {
      const { restsMs, ...standing } = health
      const found = drillOf(`${name}.${mode}.alone`).standing
      expect(found).toMatchObject(standing)
      if (!restsMs) return
      // A moment has gone by.
      expect(found.retry_after_ms).toBeGreaterThan(restsMs[0] - momentMs)
      expect(found.retry_after_ms).toBeLessThanOrEqual(restsMs[1])
    })
  })
})

test('no connection is asked twice for a call, and no redirect is followed', () => {
  for (const name of names) {
    for (const id of modes.flatMap((mode) => companies.map((company) => `${name}.${mode}.${company}`))) {
      expect(upstream.asked(id).length, id).toBeLessThanOrEqual(1)
      expect(upstream.asked(`${id}-trap`), id).toHaveLength(0)
    }
  }
})

test('no answer holds our credential or leads elsewhere, and none came later than the deadlines', () => {
  for (const [id, { view }] of drills) {
    expect(view.text, id).not.toContain('upstream-key')
    expect(view.headers.get('location'), id).toBeNull()
    expect(view.tookMs, id).toBeLessThan(longestMs)
  }
})

test('nothing is left under way', async () => {
  await expect.poll(async () => (await healthOf(gateway.url)).live_attempts, { timeout: 3_000 }).toBe(0)
})

function expectTold(view: View, { told, health }: Expected, id: string): void {
  const said = upstream.asked(id)[0]?.said ?? ''
  expect(view.headers.get('x-request-id')).toMatch(/^req_/)
  if (told.kind === 'refused') {
    expect(view).toMatchObject({ status: told.status, whole: true })
    expect(errorIn(view.text)).toMatchObject({ message: expect.any(String), param: null, code: told.code })
    if (told.code === 'upstream_rate_limited') expectWait(view.headers, health.restsMs)
  } else if (told.kind === 'as said') {
    expect(view).toMatchObject({ status: told.status, whole: true })
    expect(view.text).toBe(id.startsWith('packed') ? answerOf(id) : said.replaceAll('upstream-key', '[redacted]'))
  } else if (told.kind === 'broken') {
    const events = said.slice(0, said.lastIndexOf('\n\n') + 2)
    expect(view).toMatchObject({ status: 200, whole: true })
    expect(view.text.startsWith(events)).toBe(true)
    expect(errorIn(view.text)).toMatchObject({ message: expect.any(String), code: told.code })
    expect(view.text).not.toContain(doneEvent)
  } else expect(view).toMatchObject({ whole: false })
}

/** What the provider asked for is passed on, in both of the headers that SDKs read. */
function expectWait(headers: Headers, [least, most]: readonly [number, number] = [0, 0]): void {
  const ms = Number(headers.get('retry-after-ms'))
  expect(ms).toBeGreaterThan(least - momentMs)
  expect(ms).toBeLessThanOrEqual(Math.max(most, 1))
  expect(Number(headers.get('retry-after'))).toBe(Math.max(1, Math.ceil(ms / 1_000)))
  // Over a minute SDKs are not to sleep by themselves: some would, for hours.
  expect(headers.get('x-should-retry')).toBe(ms > 60_000 ? 'false' : null)
}

function answerOf(id: string): string {
  return id.includes('.stream.') ? streamFrom(id) : wholeFrom(id)
}

const listeners: Server[] = []

/** The address of a listener that does this to whoever comes; of none, where there is nothing to do. */
async function openDoor(answer: ((socket: Socket) => void) | undefined): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    answer?.(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  if (answer) listeners.push(server)
  else await new Promise((resolve) => server.close(resolve))
  return `${answer ? 'https' : 'http'}://127.0.0.1:${port}/v1`
}
