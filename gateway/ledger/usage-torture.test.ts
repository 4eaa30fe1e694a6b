import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { dayMs } from '../domain/day.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import { type RowText, rowText, type UsageRow } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { openDatabase } from './database.ts'
import { measures } from './measures.ts'
import { findQuarantined, quarantine, replayQuarantine } from './quarantine.ts'
import { UsageLedger } from './usage.ts'

/** The long form is for releases: `TOLLGATE_TORTURE=1`. */
const torture = process.env['TOLLGATE_TORTURE'] === '1'
const current = testDatabase()
const now = systemClock.now()

const pick = <T>(list: readonly [T, ...T[]]): T => list[Math.floor(Math.random() * list.length)] ?? list[0]

/** What becomes of a call: found lost, estimated, then known; by each its labels change. */
function revisionsOf(i: number): readonly UsageRow[] {
  const first = rowAt(now - i * 7_001, {
    ...{ revision: 0, status: 'orphan', success: false, usage_source: 'counted', output_tokens: i % 90 },
    ...{ user_id: `user-${i % 37}`, key_id: `key-${i % 5}`, cost_nano_usd: 3 * i, charge_nano_usd: i },
    budgets: [{ budget: `budget-${i % 3}`, subject: `subject-${i % 11}`, window: '2026-11' }],
  })
  const second: UsageRow = { ...first, revision: 1, model: `model-${i % 4}`, response_time_ms: 12.5 * (i % 700) }
  const last: UsageRow = { ...second, revision: 2, status: 'complete', success: true, usage_source: 'provider' }
  return [first, second, { ...last, charge_nano_usd: 5 * i, first_token_ms: 3, overhead_ms: 0.25 }]
}

/** Everything that sums say, and everything that rows do, by level. */
async function sumsAndRows(): Promise<readonly [unknown, unknown]> {
  const { sql } = current().database
  const sums = Object.keys(measures).map((name) => `sum(${name})::bigint::text AS ${name}`)
  const rows = Object.entries(measures).map(([name, of]) => `coalesce(sum(${of}), 0)::bigint::text AS ${name}`)
  const [spent, owed] = [
    await sql`SELECT budget, subject, settled_nano_usd::text AS sum FROM tollgate.budget_spend ORDER BY 1, 2`,
    await sql`
      SELECT share->>'budget' AS budget, share->>'subject' AS subject, sum(charge_nano_usd)::text AS sum
      FROM tollgate.usage, jsonb_array_elements(budgets) AS share GROUP BY 1, 2 ORDER BY 1, 2`,
  ]
  const levels = await sql.unsafe(`SELECT level, ${sums.join(', ')} FROM tollgate.rollups GROUP BY 1 ORDER BY 1`)
  const all = await sql.unsafe(`SELECT ${rows.join(', ')} FROM tollgate.usage`)
  const labelled = (from: string, sum: string) =>
    sql.unsafe(
      `SELECT status, model, user_id, ${sum}::text AS rows FROM ${from} GROUP BY 1, 2, 3 HAVING ${sum} <> 0 ORDER BY 1, 2, 3`,
    )
  return [
    [
      levels,
      await labelled("tollgate.rollups JOIN tollgate.series ON id = series_id WHERE level = 'user_day'", 'sum(rows)'),
      spent,
    ],
    [
      ['15m', '6h', 'day', 'user_15m', 'user_day'].map((level) => ({ level, ...all[0] })),
      await labelled('tollgate.usage', 'count(*)'),
      owed,
    ],
  ]
}

test('R22: eight writers with overlapping replays and corrections never wait in a circle, and sums are those of the rows', {
  timeout: 660_000,
}, async () => {
  const { sql } = current().database
  const deadlocks = async () =>
    (await sql<{ n: bigint }[]>`SELECT deadlocks AS n FROM pg_stat_database WHERE datname = current_database()`)[0]?.n
  const before = await deadlocks()
  const all = Array.from({ length: 1_200 }, (_, i) => revisionsOf(i))
  const writers = Array.from({ length: 8 }, () => new UsageLedger(current().database, systemClock))
  const until = systemClock.elapsed() + (torture ? 600_000 : 8_000)
  let batches = 0
  await Promise.all(
    writers.map(async (writer) => {
      while (systemClock.elapsed() < until) {
        const from = Math.floor(Math.random() * all.length)
        const some = [...all.slice(from), ...all.slice(0, from)].slice(0, 300)
        const rows = some.map((revisions) => rowText(pick(revisions as [UsageRow, ...UsageRow[]])))
        expect(await writer.store(rows.sort(() => Math.random() - 0.5))).toEqual([])
        batches++
      }
    }),
  )
  await writers[0]?.write(all.map((revisions) => rowText(revisions[2] ?? rowAt(0))))
  await Promise.all(writers.map((writer) => writer.close()))
  expect(batches).toBeGreaterThan(20)
  const [stored] = await sql`SELECT count(*)::int AS rows, min(revision)::int AS revision FROM tollgate.usage`
  expect(stored).toEqual({ rows: all.length, revision: 2 })
  const [sums, rows] = await sumsAndRows()
  expect(sums).toEqual(rows)
  // Statistics reach the view with a delay.
  await sleep(1_100)
  expect(await deadlocks()).toBe(before)
})

test('R14: the answer to COMMIT is lost 200 times, and no row is there twice or not at all', {
  timeout: 120_000,
}, async () => {
  const cut = await losingCommits(current().address)
  const database = openDatabase(cut.url)
  const writer = new UsageLedger(database, systemClock)
  const [counted] = await current().database.sql<{ rows: number }[]>`SELECT count(*)::int AS rows FROM tollgate.usage`
  // So that the first thing that is lost is rows.
  await writer.write([rowText(rowAt(now))])
  let rows = 1
  while (cut.lost < 200) {
    const batch = Array.from({ length: 20 }, (_, i) => rowText(rowAt(now - i, { cost_nano_usd: 7, user_id: `u${i}` })))
    rows += batch.length
    cut.loseNext()
    let failures = 0
    for (;;) {
      const failed = await writer.write(batch).then(
        () => false,
        () => true,
      )
      if (!failed) break
      failures++
    }
    expect(failures).toBe(1)
  }
  await Promise.all([writer.close(), database.close()])
  await cut.close()
  const [stored] = await current().database.sql`SELECT count(*)::int AS rows FROM tollgate.usage`
  expect(stored).toEqual({ rows: (counted?.rows ?? 0) + rows })
  const [sums, all] = await sumsAndRows()
  expect(sums).toEqual(all)
})

interface LosingCommits {
  readonly url: string
  readonly lost: number
  /** The connection is cut when the next COMMIT after rows has been carried out, before anybody hears of it. */
  loseNext(): void
  close(): Promise<void>
}

async function losingCommits(address: ReturnType<typeof current>['address']): Promise<LosingCommits> {
  if (typeof address === 'string') throw new Error('this test wants the embedded server')
  let lost = 0
  let losing = false
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(`${address.socketDirectory}/.s.PGSQL.${address.port}`)
    let rowsSent = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    client.on('data', (bytes) => {
      if (bytes.includes('INSERT INTO tollgate.usage')) rowsSent = true
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (!(losing && rowsSent && bytes.includes('COMMIT\0'))) return void client.write(bytes)
      losing = false
      lost++
      client.destroy()
      upstream.destroy()
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const place = server.address()
  const port = typeof place === 'object' ? place?.port : undefined
  return {
    url: `postgres://${address.user}@127.0.0.1:${port}/${address.database}`,
    get lost() {
      return lost
    },
    loseNext: () => {
      losing = true
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('R24: a row that only the sums choke on', () => {
  const odd = (wrong: Readonly<Record<string, unknown>>): RowText => rowText({ ...rowAt(now), ...wrong } as UsageRow)

  test.each([
    ['a duration beyond all measure', { response_time_ms: 1e300 }],
    ['budgets that are no list', { budgets: { budget: 'b' }, charge_nano_usd: 1 }],
    ['a budget of nobody', { budgets: [{ budget: 'b', window: 'w' }], charge_nano_usd: 1 }],
    [
      'a sum that no 64 bits hold',
      { provider_cost_nano_usd: -9_000_000_000_000_000_000, cost_nano_usd: 9_000_000_000_000_000_000 },
    ],
  ])('is put aside, and the other 999 are in within five seconds: %s', async (_, wrong) => {
    const others = Array.from({ length: 999 }, () => rowText(rowAt(now, { key_id: `with ${_}` })))
    const poison = odd(wrong)
    const writer = new UsageLedger(current().database, systemClock)
    const from = systemClock.elapsed()
    await writer.write([...others.slice(0, 400), poison, ...others.slice(400)])
    expect(systemClock.elapsed() - from).toBeLessThan(5_000)
    expect(writer.quarantined).toBe(1)
    expect(await findQuarantined(current().database, poison.id)).toMatchObject({ row: poison.json })
    const [stored] = await current().database.sql`
      SELECT count(*)::int AS rows FROM tollgate.usage WHERE key_id = ${`with ${_}`}`
    expect(stored).toEqual({ rows: 999 })
    await writer.close()
  })

  test('goes in when the reason is gone, and the others stay with theirs', async () => {
    const { database } = current()
    const writer = new UsageLedger(database, systemClock)
    const late = rowText(rowAt(now + 3 * dayMs, { key_id: 'tomorrow' }))
    await writer.write([late])
    const { total } = await quarantine(database, 1)
    const later = new UsageLedger(database, { ...systemClock, now: () => now + 3 * dayMs })
    const { signal } = new AbortController()
    const store = (rows: readonly RowText[]) => later.store(rows)
    expect(await replayQuarantine(database, systemClock, { store, actor: 'cli:test', signal })).toEqual({
      ...{ stored: 1, left: total - 1 },
    })
    expect(await findQuarantined(database, late.id)).toBeUndefined()
    await Promise.all([writer.close(), later.close()])
  })
})

test('sums bear what labels may hold: quotes, nothing, long texts, and days that begin', async () => {
  const writer = new UsageLedger(current().database, systemClock)
  const midnight = Date.UTC(2026, 5, 1)
  const labels = ['it\'s "so"', '(,)', '', 'null', '😀', 'x'.repeat(64 << 10), '\\', ' a']
  const rows = labels.flatMap((feature) => [midnight - 1, midnight].map((at) => rowAt(at, { feature, user_id: 'odd' })))
  const bare = rowAt(midnight, { user_id: 'odd' })
  expect(await writer.store([...rows, bare].map(rowText))).toEqual([])
  await writer.close()
  const { sql } = current().database
  const found = await sql<{ feature: string | null; day: string; rows: number }[]>`
    SELECT feature, to_char(at AT TIME ZONE 'UTC', 'MMDD') AS day, sum(rows)::int AS rows
    FROM tollgate.rollups JOIN tollgate.series ON id = series_id
    WHERE level = 'user_day' AND user_id = 'odd' GROUP BY 1, 2`
  expect(found).toHaveLength(2 * labels.length + 1)
  expect(found.every(({ rows: count }) => count === 1)).toBe(true)
})
