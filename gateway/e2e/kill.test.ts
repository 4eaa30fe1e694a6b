import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Callers, startCallers, upstreamForCallers } from './callers.ts'
import { testDatabase } from './database.ts'
import { localConnection, secret, urlOf } from './gateway.ts'
import { expectNothingRunning, type GatewayProcess, makePlace, type Place } from './process.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** The long form is for releases: `TOLLGATE_TORTURE=1`. */
const torture = process.env['TOLLGATE_TORTURE'] === '1'
const kills = torture ? 20 : 4
const callsMin = torture ? 10_000 : 200
const callersCount = 30
const betweenMsMax = torture ? 2_500 : 1_000

const database = testDatabase()
const { asked, answered, answer } = upstreamForCallers()
let upstream: Upstream
let place: Place
let callers: Callers | undefined

beforeAll(async () => {
  place = makePlace()
  upstream = await startUpstream(answer)
})
afterAll(async () => {
  // The gateway first: callers who wait for an answer are let go by its end.
  await place.end()
  await callers?.stop()
  await upstream.close()
})

interface Row {
  readonly call: string
  readonly attempt: number
  readonly revision: number
  readonly success: boolean
  readonly status: string
  readonly input: number | null
  readonly output: number | null
}

test(`${kills} kills -9 under load: no completed answer without its row, and none twice`, {
  timeout: torture ? 600_000 : 90_000,
}, async () => {
  place.configure({
    connections: [localConnection('main', upstream.url)],
    keys: [{ id: 'dev', secret, allow_client_identity: true }],
  })
  const env = {
    PORT: String(await freePort()),
    DATABASE_URL: urlOf(database().address),
    TOLLGATE_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  }
  let gateway = place.start({ env })
  callers = startCallers({ url: await gateway.ready(), secret, callers: callersCount })
  for (let kill = 1; kill <= kills; kill++) {
    // One in four is killed as it starts: while it adopts what the one before it left, or before that.
    if (kill % 4 !== 0) await busy(gateway, callers)
    await sleep(Math.random() * betweenMsMax)
    gateway.signal('SIGKILL')
    await gateway.ended
    gateway = place.start({ env })
  }
  await busy(gateway, callers)
  await expect.poll(() => callers?.calls.length, { timeout: 120_000 }).toBeGreaterThan(callsMin)
  await callers.stop()
  await allDelivered(gateway)

  const rows = await rowsOfCalls()
  const { calls } = callers
  const whole = calls.filter(({ end }) => end === 'whole')
  const byCall = Map.groupBy(rows, ({ call }) => call)
  report(callers, rows)

  expect(whole.length).toBeGreaterThan(callsMin / 2)
  // The kills did hit calls that were under way.
  expect(rows.filter(({ status }) => status === 'orphan').length).toBeGreaterThan(kills)
  // Once each, with what the provider stated.
  const wrong = whole.filter(({ id, inputTokens }) => {
    const [row, ...more] = byCall.get(id) ?? []
    const final = row?.revision === 2 && row.success && row.status === 'complete' && row.attempt === 1
    return more.length > 0 || !final || row.input !== inputTokens || row.output !== 20
  })
  expect(wrong.map((call) => ({ ...call, rows: byCall.get(call.id) }))).toEqual([])
  // Of the others too, no attempt has two rows: each caller asked once, and there is one connection.
  expect([...byCall].filter(([, found]) => found.length > 1)).toEqual([])
  // What the provider worked on is never forgotten, whoever lived to see its end.
  expect([...asked].filter((id) => !byCall.has(id))).toEqual([])
  expect(rows.filter(({ status, revision, success }) => status === 'orphan' && (revision > 0 || success))).toEqual([])
  // The sums have moved with the rows, whoever wrote them and however often.
  const [ofRows, ofRollups] = [await sums('count(*)', 'usage'), await sums('sum(rows)', "rollups WHERE level = '15m'")]
  expect(ofRollups).toEqual(ofRows)
  expect(ofRows).toMatchObject({ rows: String(rows.length), calls: String(rows.length) })
})

/** Waits until it is ready and has taken calls from all of the callers. */
async function busy(gateway: GatewayProcess, { calls }: Callers): Promise<void> {
  await gateway.ready()
  const before = calls.length
  await expect.poll(() => calls.length - before, { timeout: 60_000 }).toBeGreaterThan(callersCount)
}

/** Waits until the last gateway has adopted the journals of all before it, and lets it deliver its own. */
async function allDelivered(gateway: GatewayProcess): Promise<void> {
  const journal = join(place.dataDir, 'journal')
  const owners = () => new Set(readdirSync(journal).map((name) => name.slice(0, 36))).size
  await expect.poll(owners, { timeout: 60_000 }).toBe(1)
  gateway.signal('SIGTERM')
  expect(await gateway.ended).toEqual({ code: 0, signal: null })
  await expectNothingRunning(place)
  expect(readdirSync(journal)).toEqual([])
  const [aside] = await database().database.sql`SELECT count(*)::int AS rows FROM tollgate.quarantine`
  expect(aside).toEqual({ rows: 0 })
}

async function rowsOfCalls(): Promise<readonly Row[]> {
  return await database().database.sql<Row[]>`
    SELECT user_id AS call, attempt, revision, success, status,
      input_tokens::float8 AS input, output_tokens::float8 AS output
    FROM tollgate.usage ORDER BY id
  `
}

/** What all rows come to, or all sums over them. */
async function sums(rows: string, table: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const measures = ['calls', 'input_tokens', 'output_tokens', 'cost_nano_usd', 'charge_nano_usd']
  const summed = measures.map((measure) => `sum(${measure})::text AS ${measure}`).join(', ')
  const [all] = await database().database.sql.unsafe(`SELECT ${rows}::text AS rows, ${summed} FROM tollgate.${table}`)
  return all
}

function report({ calls }: Callers, rows: readonly Row[]): void {
  const counted = (names: readonly string[]): string =>
    Object.entries(Object.groupBy(names, (name) => name))
      .map(([name, all]) => `${all?.length} ${name}`)
      .join(', ')
  process.stdout.write(
    `${kills} kills: ${calls.length} calls (${counted(calls.map(({ end }) => end))}); ` +
      `upstream was asked ${asked.size} times and answered ${answered.size}; ` +
      `${rows.length} rows (${counted(rows.map(({ status }) => status))})\n`,
  )
}

/** The same for all starts, as callers know only one. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(address)))
    })
  })
}
