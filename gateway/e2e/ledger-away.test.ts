import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { type Callers, type MadeCall, startCallers, upstreamForCallers } from './callers.ts'
import { testDatabase } from './database.ts'
import { localConnection, secret } from './gateway.ts'
import { type Line, openLine } from './line.ts'
import { expectNothingRunning, type GatewayProcess, makePlace, type Place } from './process.ts'
import { type Answer, doneEvent, event, startUpstream, type Upstream } from './upstream.ts'

const awayMs = 4_000
/** Of anything that has to ask PostgreSQL, while it is away. */
const answerMsMax = 10_000

/** The long form is for releases: `TOLLGATE_TORTURE=1`. */
const torture = process.env['TOLLGATE_TORTURE'] === '1'
const longAwayMs = 600_000

const database = testDatabase()
let upstream: Upstream
let line: Line
let place: Place
let gateway: GatewayProcess
let url: string
let callers: Callers | undefined

beforeAll(async () => {
  place = makePlace()
  const { answer } = upstreamForCallers()
  upstream = await startUpstream((seen, response) =>
    seen.path.endsWith('/slow/chat/completions') ? slowAnswer(seen, response) : answer(seen, response),
  )
  line = await openLine(database().address)
  configure(place)
  await startGateway()
})
afterEach(async () => {
  await line.restore()
  await callers?.stop()
})
afterAll(async () => {
  await place?.end()
  await callers?.stop()
  line?.close()
  await upstream?.close()
})

function configure({ configure }: Place): void {
  configure({
    connections: [
      localConnection('main', upstream.url, { models: ['gpt-4o-mini'] }),
      localConnection('slow', `${upstream.url}/slow`, { models: ['slow'] }),
    ],
    keys: [{ id: 'dev', secret, allow_client_identity: true }],
  })
}

function start({ start }: Place): GatewayProcess {
  const masterKey = Buffer.alloc(32, 7).toString('base64')
  return start({ env: { DATABASE_URL: line.url, TOLLGATE_MASTER_KEY: masterKey } })
}

async function startGateway(): Promise<void> {
  gateway = start(place)
  url = await gateway.ready()
}

test.each(['refused', 'silent'] as const)(
  'PostgreSQL is %s under load: no call fails, and no row is lost or doubled',
  { timeout: 60_000 },
  async (how) => {
    callers = startCallers({ name: how, url, secret, callers: 10, restMs: 20 })
    const { calls } = callers
    await expect.poll(() => calls.length, { timeout: 20_000 }).toBeGreaterThan(50)
    expect(await get('/v1/me/usage')).toMatchObject({ status: 200 })

    line[how]()
    const awaySinceMs = systemClock.elapsed()
    const before = calls.length
    await sleep(500)
    const usage = await get('/v1/me/usage')
    const health = await get('/health')
    const ready = await get('/readyz')
    const away = [usage, health, ready].map(({ tookMs }) => Math.round(tookMs))
    await sleep(Math.max(0, awaySinceMs + awayMs - systemClock.elapsed()))
    const meanwhile = calls.length - before
    await line.restore()

    await sleep(500)
    await callers.stop()
    expect(usage.status).toBe(503)
    expect(JSON.parse(usage.text)).toMatchObject({ error: { code: 'ledger_unavailable' } })
    expect(usage.tookMs).toBeLessThan(answerMsMax)
    expect(ready.status).toBe(200)
    expect(health.status).toBe(200)
    expect(JSON.parse(health.text)).toMatchObject({ database: { reachable: false, problem: expect.any(String) } })
    expect(meanwhile).toBeGreaterThan(50)

    const backMs = systemClock.elapsed()
    await expect.poll(() => rows(how), { timeout: 30_000, interval: 100 }).toHaveLength(calls.length)
    const arrivedMs = systemClock.elapsed() - backMs
    expect(booked(calls, await rows(how))).toEqual(calls)
    expect(await get('/v1/me/usage')).toMatchObject({ status: 200 })
    process.stdout.write(
      `PostgreSQL ${how} for ${awayMs} ms: ${calls.length} calls, ${meanwhile} of them meanwhile, all answered; ` +
        `usage, health and readiness told in ${away.join(', ')} ms; all rows in ${Math.round(arrivedMs)} ms after the load\n`,
    )
  },
)

test('a session that the network lost in the middle of a write does not hold its rows', {
  timeout: 90_000,
}, async () => {
  callers = startCallers({ name: 'lost', url, secret, callers: 10, restMs: 20 })
  const { calls } = callers
  await expect.poll(() => calls.length, { timeout: 20_000 }).toBeGreaterThan(50)
  await line.loseSession('INSERT INTO tollgate.usage')
  await callers.stop()
  await expect.poll(() => rows('lost'), { timeout: 45_000, interval: 100 }).toHaveLength(calls.length)
  expect(booked(calls, await rows('lost'))).toEqual(calls)
})

test('a gateway that goes down while PostgreSQL is away owes its rows to the next start', {
  timeout: 60_000,
}, async () => {
  callers = startCallers({ name: 'last', url, secret, callers: 5, restMs: 20 })
  const { calls } = callers
  await expect.poll(() => calls.length, { timeout: 20_000 }).toBeGreaterThan(20)
  line.refused()
  await expect.poll(() => calls.length, { timeout: 20_000 }).toBeGreaterThan(40)
  await callers.stop()

  const toldMs = systemClock.elapsed()
  gateway.signal('SIGTERM')
  expect(await gateway.ended).toEqual({ code: 0, signal: null })
  const wentMs = systemClock.elapsed() - toldMs
  await expectNothingRunning(place)
  await line.restore()
  expect((await rows('last')).length).toBeLessThan(calls.length)

  await startGateway()
  await expect.poll(() => rows('last'), { timeout: 30_000, interval: 100 }).toHaveLength(calls.length)
  expect(booked(calls, await rows('last'))).toEqual(calls)
  process.stdout.write(`PostgreSQL away: ${Math.round(wentMs)} ms from SIGTERM to the end\n`)
})

test('two gateways that are killed while PostgreSQL is away owe their rows to their next starts', {
  timeout: 90_000,
}, async () => {
  const other = makePlace()
  configure(other)
  const second = start(other)
  const own = startCallers({ name: 'first', url, secret, callers: 5, restMs: 5 })
  const others = startCallers({ name: 'second', url: await second.ready(), secret, callers: 5, restMs: 5 })
  const calls = () => [...own.calls, ...others.calls]
  await expect.poll(() => calls().length, { timeout: 20_000 }).toBeGreaterThan(40)
  line.refused()
  await sleep(2_000)
  for (const each of [gateway, second]) each.signal('SIGKILL')
  await Promise.all([gateway.ended, second.ended])
  await Promise.all([own.stop(), others.stop()])
  await line.restore()
  expect((await rowsOf('first', 'second')).length).toBeLessThan(calls().length)

  await startGateway()
  const successor = start(other)
  await successor.ready()
  await expect.poll(() => pendingOf(place, other), { timeout: 30_000 }).toEqual([])
  const found = await rowsOf('first', 'second')
  const whole = calls().filter(({ end }) => end === 'whole')
  expect(
    booked(
      whole,
      found.filter(({ status }) => status === 'complete'),
    ),
  ).toEqual(whole)
  expect(new Set(found.map(({ call }) => call)).size).toBe(found.length)
  expect(whole.length).toBeGreaterThan(40)
  successor.signal('SIGTERM')
  await successor.ended
  await other.end()
  process.stdout.write(
    `PostgreSQL away, 2 gateways killed: ${calls().length} calls, ${whole.length} whole; ${found.length} rows, ` +
      `${found.filter(({ status }) => status === 'orphan').length} of them orphans\n`,
  )
})

test('a gateway that goes down with open streams lets them end, and delivers to a PostgreSQL that comes back meanwhile', {
  timeout: 60_000,
}, async () => {
  const asked = Array.from({ length: 20 }, (_, n) => slowCall(`open-${n}`))
  await sleep(500)
  line.refused()
  await sleep(300)
  gateway.signal('SIGTERM')
  await sleep(1_000)
  await line.restore()
  const texts = await Promise.all(asked)
  expect(texts.filter((text) => text !== slowEvents.join(''))).toEqual([])
  expect(await gateway.ended).toEqual({ code: 0, signal: null })
  // Without another start.
  expect((await rows('open')).length).toBe(20)
  expect(readdirSync(join(place.dataDir, 'journal'))).toEqual([])
  await startGateway()
})

test.runIf(torture)(
  'PostgreSQL is away for long under load: nothing is lost, memory stays, and it catches up',
  {
    timeout: longAwayMs + 300_000,
  },
  async () => {
    callers = startCallers({ name: 'long', url, secret, callers: 60, restMs: 50 })
    const { calls } = callers
    await sleep(20_000)
    const beforeKiB = residentKiB(gateway.pid)
    line.refused()
    const [awaySinceMs, madeBefore] = [systemClock.elapsed(), calls.length]
    let mostKiB = 0
    while (systemClock.elapsed() - awaySinceMs < longAwayMs) {
      await sleep(1_000)
      mostKiB = Math.max(mostKiB, residentKiB(gateway.pid))
    }
    const [backlog, meanwhile] = [await pendingRows(), calls.length - madeBefore]
    await line.restore()
    const backMs = systemClock.elapsed()
    // Under the same load: what is pending then is what came in the last moment.
    await expect.poll(pendingRows, { timeout: 120_000, interval: 200 }).toBeLessThan(500)
    const caughtUpMs = systemClock.elapsed() - backMs
    mostKiB = Math.max(mostKiB, residentKiB(gateway.pid))
    await callers.stop()
    await expect.poll(() => rows('long').then(({ length }) => length), { timeout: 30_000 }).toBe(calls.length)
    expect(booked(calls, await rows('long')).length).toBe(calls.length)
    process.stdout.write(
      `PostgreSQL away for ${longAwayMs / 1000} s at ${Math.round((meanwhile * 1000) / longAwayMs)} calls/s: ` +
        `${calls.length} calls, none failed, a row each; backlog ${backlog} rows, caught up in ${Math.round(caughtUpMs)} ms ` +
        `under load; resident ${beforeKiB >> 10} MiB before, at most ${mostKiB >> 10} MiB\n`,
    )
    // Two hundred a second on a machine of our own; there was load at least.
    expect(meanwhile).toBeGreaterThan((50 * longAwayMs) / 1000)
    expect(backlog).toBeGreaterThan(meanwhile * 0.98)
    expect(caughtUpMs).toBeLessThan(60_000)
    expect(mostKiB - beforeKiB).toBeLessThan(150 * 1024)
  },
)

/** The calls that were answered in whole and have one row each, with the tokens that the provider stated. */
function booked(calls: readonly MadeCall[], found: readonly Row[]): readonly MadeCall[] {
  const byCall = Map.groupBy(found, ({ call }) => call)
  return calls.filter(({ id, end, inputTokens }) => {
    const [row, ...more] = byCall.get(id) ?? []
    return end === 'whole' && row?.input === inputTokens && more.length === 0
  })
}

interface Row {
  readonly call: string
  readonly input: number
  readonly status: string
}

/** What the gateway says of rows on their way. */
async function pendingRows(): Promise<number> {
  const { journal } = JSON.parse((await get('/health')).text) as { readonly journal: { readonly pending_rows: number } }
  return journal.pending_rows
}

function residentKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** Journals that are no living gateway's: each of these places has one of those. */
function pendingOf(...places: readonly Place[]): readonly string[] {
  return places.flatMap(({ dataDir }) => {
    const owners = new Set(readdirSync(join(dataDir, 'journal')).map((name) => name.slice(0, 36)))
    return [...owners].sort().slice(0, -1)
  })
}

const slowEvents = [...Array.from({ length: 30 }, (_, n) => event({ content: ` ${n}` })), event({}, 'stop'), doneEvent]

/** A stream of three seconds. */
const slowAnswer: Answer = (_seen, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const events = [...slowEvents]
  const timer = setInterval(() => {
    response.write(events.shift() ?? '')
    if (events.length > 0) return
    clearInterval(timer)
    response.end()
  }, 100)
  response.once('close', () => clearInterval(timer))
}

async function slowCall(user: string): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'slow', messages: [{ role: 'user', content: 'Hello' }], stream: true, user }),
  })
  return await response.text()
}

interface Answered {
  readonly status: number
  readonly text: string
  readonly tookMs: number
}

async function get(path: string): Promise<Answered> {
  const startedMs = systemClock.elapsed()
  const headers = { authorization: `Bearer ${secret}` }
  const response = await fetch(url + path, { headers, signal: AbortSignal.timeout(3 * answerMsMax) })
  const text = await response.text()
  return { status: response.status, text, tookMs: systemClock.elapsed() - startedMs }
}

/** Rows of calls whose ids begin like this, final and successful. */
async function rows(name: string): Promise<readonly Row[]> {
  return await database().database.sql<Row[]>`
    SELECT user_id AS call, input_tokens::float8 AS input, status FROM tollgate.usage
    WHERE user_id LIKE ${`${name}-%`} AND revision = 2 AND success
  `
}

/** All rows of calls whose ids begin with either, however they ended. */
async function rowsOf(name: string, other: string): Promise<readonly Row[]> {
  return await database().database.sql<Row[]>`
    SELECT user_id AS call, input_tokens::float8 AS input, status FROM tollgate.usage
    WHERE split_part(user_id, '-', 1) IN (${name}, ${other})
  `
}
