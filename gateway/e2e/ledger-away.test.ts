import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { type DatabaseAddress, type Target, targetOf } from '../ledger/address.ts'
import { type Callers, type MadeCall, startCallers, upstreamForCallers } from './callers.ts'
import { testDatabase } from './database.ts'
import { localConnection, secret } from './gateway.ts'
import { expectNothingRunning, type GatewayProcess, makePlace, type Place } from './process.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const awayMs = 4_000
/** Of anything that has to ask PostgreSQL, while it is away. */
const answerMsMax = 10_000

const database = testDatabase()
let upstream: Upstream
let line: Line
let place: Place
let gateway: GatewayProcess
let url: string
let callers: Callers | undefined

beforeAll(async () => {
  place = makePlace()
  upstream = await startUpstream(upstreamForCallers().answer)
  line = await openLine(database().address)
  place.configure({
    connections: [localConnection('main', upstream.url)],
    keys: [{ id: 'dev', secret, allow_client_identity: true }],
  })
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

async function startGateway(): Promise<void> {
  const masterKey = Buffer.alloc(32, 7).toString('base64')
  gateway = place.start({ env: { DATABASE_URL: line.url, TOLLGATE_MASTER_KEY: masterKey } })
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
    SELECT user_id AS call, input_tokens::float8 AS input FROM tollgate.usage
    WHERE user_id LIKE ${`${name}-%`} AND revision = 2 AND success
  `
}

/** A line to PostgreSQL that can be cut. */
interface Line {
  readonly url: string
  /** Ends all sessions and takes no new ones: the server was stopped. */
  refused(): void
  /** Takes what comes and passes nothing on: the network in between is gone. */
  silent(): void
  /** When these words have passed, nothing of their session does any more, for good. */
  loseSession(words: string): Promise<void>
  restore(): Promise<void>
  close(): void
}

async function openLine(address: DatabaseAddress): Promise<Line> {
  const target = targetOf(address)
  const sockets = new Set<Socket>()
  const seen = new Set<Socket>()
  let lost: { readonly words: string; readonly done: () => void } | undefined
  let silent = false
  const lose = (from: Socket, to: Socket, bytes: Buffer): void => {
    if (lost && bytes.includes(lost.words)) seen.add(from)
    else if (lost && seen.has(from)) {
      for (const socket of [from, to]) {
        socket.pause()
        sockets.delete(socket)
      }
      lost.done()
      lost = undefined
    }
  }
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from)
    if (silent) from.pause()
    // Not `pipe`, which would resume what is to be silent. An error is how a cut session ends.
    from.on('error', () => {})
    from.on('data', (bytes: Buffer) => {
      to.write(bytes)
      lose(from, to, bytes)
    })
    from.once('close', () => {
      sockets.delete(from)
      to.destroy()
    })
  }
  const server = createServer((near) => {
    const far = connect(placeOf(target))
    join(near, far)
    join(far, near)
  })
  const listen = (port: number) => once(server.listen(port, '127.0.0.1'), 'listening')
  await listen(0)
  const { port } = server.address() as AddressInfo
  const end = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const account = [target.user ?? '', target.password ?? ''].map(encodeURIComponent).join(':')
  return {
    url: `postgres://${account}@127.0.0.1:${port}/${target.database ?? ''}`,
    refused() {
      server.close()
      end()
    },
    silent() {
      silent = true
      for (const socket of sockets) socket.pause()
    },
    loseSession: (words) =>
      new Promise((done) => {
        lost = { words, done }
      }),
    async restore() {
      silent = false
      for (const socket of sockets) socket.resume()
      if (!server.listening) await listen(port)
    },
    close() {
      server.close()
      end()
    },
  }
}

function placeOf({ host, port }: Target): NetConnectOpts {
  const [first = 'localhost'] = [host ?? []].flat()
  const [number = 5432] = [port ?? []].flat()
  return first.startsWith('/') ? { path: `${first}/.s.PGSQL.${number}` } : { host: first, port: number }
}
