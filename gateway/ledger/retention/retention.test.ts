import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { dayMs, dayOf } from '../../domain/day.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { makeLogin, type TestLogin } from '../../e2e/logins.ts'
import { droppingOld } from '../locks.ts'
import { UsageLedger } from '../usage.ts'
import { dropExpired, firstDayOf } from './retention.ts'
import { oldUsage } from './retention-cleanup.ts'
import { startUpkeep } from './upkeep.ts'

const current = testDatabase()
const now = systemClock.now()
let ledger: UsageLedger | undefined
const writer = () => (ledger ??= new UsageLedger(current().database, systemClock))
afterAll(() => ledger?.close())

const named = (day: string): string => `usage_${day.replaceAll('-', '')}`

async function daysThere(): Promise<readonly string[]> {
  const rows = await current().database.sql<{ name: string }[]>`
    SELECT relname AS name FROM pg_class WHERE relname ~ '^usage_\\d+$' AND relkind = 'r' ORDER BY 1`
  return rows.map(({ name }) => name)
}

async function summed(key: string): Promise<{ rows: number; rollups: number }> {
  const [row] = await current().database.sql<{ rows: number; rollups: number }[]>`
    SELECT (SELECT count(*)::int FROM tollgate.usage WHERE key_id = ${key}) AS rows,
      (SELECT coalesce(sum(rows), 0)::int FROM tollgate.rollups JOIN tollgate.series ON id = series_id
       WHERE level = 'day' AND key_id = ${key}) AS rollups`
  return row ?? { rows: -1, rollups: -1 }
}

const rows = (key: string, days: readonly number[]) =>
  days.map((day) => rowText(rowAt(now - day * dayMs, { key_id: key, cost_nano_usd: 5 })))

test('days are kept with today among them', () => {
  const noon = Date.UTC(2026, 10, 22, 12)
  expect([1, 2, 90].map((days) => firstDayOf(days, noon))).toEqual(['2026-11-22', '2026-11-21', '2026-08-25'])
})

test('whole days before the horizon go, sums stay, and no row that went is counted again', async () => {
  const sent = rows('old', [0, 1, 2, 3, 4])
  await writer().write(sent)
  const since = firstDayOf(3, now)
  expect(await dropExpired(current().database, { rows: since })).toMatchObject({
    busy: false,
    dropped: [4, 3].map((day) => ({ name: named(dayOf(now - day * dayMs)), state: 'attached' })),
  })
  expect(await summed('old')).toEqual({ rows: 3, rollups: 5 })

  // The writer still believes in the partitions; another has never heard of them.
  const other = new UsageLedger(current().database, systemClock)
  for (const each of [writer(), other]) {
    const rejected = await each.store(sent)
    expect(rejected.map(({ row }) => row.id).toSorted()).toEqual(
      sent
        .slice(3)
        .map(({ id }) => id)
        .toSorted(),
    )
    expect(rejected[0]?.reason).toContain(`rows are kept since ${since}`)
  }
  await other.close()
  expect(await summed('old')).toEqual({ rows: 3, rollups: 5 })
  // An earlier horizon does not bring back what is gone.
  await dropExpired(current().database, { rows: firstDayOf(30, now) })
  expect(await writer().store(rows('late', [4]))).toHaveLength(1)
})

test('what a run that died left half done is finished: about to be detached, or detached', async () => {
  const { sql } = current().database
  await sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
  await writer().write(rows('halves', [10, 11]))
  const [ten, eleven] = [named(dayOf(now - 10 * dayMs)), named(dayOf(now - 11 * dayMs))]
  await sql`ALTER TABLE tollgate.usage DETACH PARTITION ${sql(`tollgate.${eleven}`)}`
  // Somebody reads for longer than the run waits, so it gives up half way.
  await sql.begin(async (reader) => {
    await reader`SELECT count(*) FROM tollgate.usage`
    await expect(dropExpired(current().database, { rows: dayOf(now - 9 * dayMs) }, { waitMs: 300 })).rejects.toThrow(
      'is being read',
    )
  })
  const [half] =
    await sql`SELECT inhdetachpending AS pending FROM pg_inherits WHERE inhrelid = ${`tollgate.${ten}`}::text::regclass`
  expect(half).toEqual({ pending: true })
  expect(await writer().store(rows('halves', [10]))).toHaveLength(1)
  expect(await dropExpired(current().database, { rows: dayOf(now - 9 * dayMs) })).toMatchObject({
    dropped: [{ name: ten, state: 'pending' }],
  })
  expect((await daysThere()).filter((name) => name === ten || name === eleven)).toEqual([])
})

test('nobody waits while a day goes: not those who read, not those who write', async () => {
  const { sql } = current().database
  await sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
  await writer().write(rows('load', [0, 20, 21, 22]))
  const slowest = { write: 0, read: 0 }
  let over = false
  const timed = async (kind: 'write' | 'read', work: () => Promise<unknown>) => {
    while (!over) {
      const from = systemClock.elapsed()
      await work()
      slowest[kind] = Math.max(slowest[kind], systemClock.elapsed() - from)
      await sleep(2)
    }
  }
  const load = [
    timed('write', () => writer().write(rows('load', [0]))),
    timed('read', () => sql`SELECT count(*) FROM tollgate.usage`),
  ]
  // Somebody who reads for a second before the first can go.
  const reader = sql.begin(async (tx) => {
    await tx`SELECT count(*) FROM tollgate.usage`
    await sleep(1_000)
  })
  const result = await dropExpired(current().database, { rows: dayOf(now - 19 * dayMs) }).finally(() => {
    over = true
  })
  await Promise.all([...load, reader])
  expect(result).toMatchObject({ busy: false, dropped: { length: 3 } })
  expect(slowest.read).toBeLessThan(1_000)
  expect(slowest.write).toBeLessThan(1_000)
})

test('months of sums go when all of them is too old, and series that nothing is left of', async () => {
  const { sql } = current().database
  await sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
  const at = Date.UTC(2024, 0, 31, 23, 59, 59, 999)
  const both = [rowAt(at, { key_id: 'january' }), rowAt(at + 1, { key_id: 'february' })]
  await writer().write(both.map(rowText))
  await dropExpired(current().database, { rows: '2024-03-01', rollups: '2024-02-29' })
  const left = await sql<{ key_id: string; sums: number }[]>`
    SELECT key_id, (SELECT count(*)::int FROM tollgate.rollups WHERE series_id = id) AS sums
    FROM tollgate.series WHERE key_id IN ('january', 'february') ORDER BY 1, 2`
  // One series by its user, one without, of which there are sums of six hours too.
  expect(left.map(({ key_id, sums }) => [key_id, sums]).sort()).toEqual([
    ['february', 2],
    ['february', 3],
  ])
  const months = await sql<{ name: string }[]>`
    SELECT relname AS name FROM pg_class WHERE relname ~ '^rollups_.*_2024\\d\\d$' AND relkind = 'r' ORDER BY 1`
  expect(months.map(({ name }) => name)).toEqual(
    ['15m', '6h', 'day', 'user_15m', 'user_day'].map((level) => `rollups_${level}_202402`),
  )
})

test('one process drops at a time, and partitions of an older release are dropped with the others', async () => {
  const { sql } = current().database
  await sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
  await writer().write(rows('stranger', [40]))
  const name = named(dayOf(now - 40 * dayMs))
  await sql`ALTER TABLE ${sql(`tollgate.${name}`)} OWNER TO CURRENT_USER`
  await sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(${droppingOld})`
    expect(await dropExpired(current().database, { rows: dayOf(now - 30 * dayMs) })).toEqual({ busy: true })
  })
  expect(await dropExpired(current().database, { rows: dayOf(now - 30 * dayMs) })).toMatchObject({
    dropped: [{ name }],
  })
})

test('upkeep makes days ahead and drops by the retention of the moment', async () => {
  const { sql } = current().database
  await sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
  await writer().write(rows('upkeep', [60]))
  const said: string[] = []
  const say = (_: object, message: string) => said.push(message)
  let rowsDays = 100
  const upkeep = startUpkeep({
    database: current().database,
    clock: systemClock,
    log: { info: say, warn: say },
    retention: () => ({ rowsDays, rollupsDays: 1_000 }),
    everyMs: 50,
  })
  const ahead = named(dayOf(now + 2 * dayMs))
  await expect.poll(daysThere).toContain(ahead)
  expect(await daysThere()).toContain(named(dayOf(now - 60 * dayMs)))
  rowsDays = 50
  await expect.poll(daysThere).not.toContain(named(dayOf(now - 60 * dayMs)))
  await upkeep.close()
  expect(said).toEqual(['old usage was dropped'])
})

describe('in the name of a login that may do nothing by itself', () => {
  let bare: TestLogin
  beforeAll(async () => {
    bare = await makeLogin(current(), ['tollgate_owner', 'tollgate_ingest', 'tollgate_app'], 'NOINHERIT')
  })
  afterAll(() => bare?.drop())

  test('old days and months go, and those who write while somebody reads for long wait for moments only', async () => {
    const { sql } = current().database
    await sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
    await writer().write([...rows('bare', [0, 50, 51]), rowText(rowAt(Date.UTC(2023, 4, 31)))])
    const horizon = { rows: dayOf(now - 49 * dayMs), rollups: '2023-07-01' }
    let slowest = 0
    await sql.begin(async (reader) => {
      await reader`SELECT count(*) FROM tollgate.usage`
      let over = false
      const dropping = dropExpired(bare.database, horizon, { waitMs: 1_500 }).finally(() => {
        over = true
      })
      const writing = async () => {
        while (!over) {
          const from = systemClock.elapsed()
          await writer().write(rows('bare', [0]))
          slowest = Math.max(slowest, systemClock.elapsed() - from)
        }
      }
      await Promise.all([expect(dropping).rejects.toThrow('is being read'), writing()])
    })
    expect(slowest).toBeGreaterThan(100)
    expect(slowest).toBeLessThan(1_400)
    const result = await dropExpired(bare.database, horizon)
    if (result.busy) throw new Error('nobody else drops')
    const days = ['usage_20230531', ...[51, 50].map((day) => named(dayOf(now - day * dayMs)))]
    // Its sums went in the run that was broken off: they are of the first of the month on.
    expect(result.dropped.map(({ name }) => name)).toEqual(days)
    expect((await daysThere()).filter((name) => days.includes(name))).toEqual([])
    const months = await sql`SELECT relname FROM pg_class WHERE relname LIKE 'rollups%202305' AND relkind = 'r'`
    expect(months).toHaveLength(0)
  })

  test('what would go is told', async () => {
    const { sql } = current().database
    await sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
    await writer().write(rows('told', [70]))
    expect(await oldUsage(bare.database, dayOf(now - 69 * dayMs))).toMatchObject({
      rows: 1,
      partitions: [{ name: named(dayOf(now - 70 * dayMs)), rows: 1 }],
    })
  })
})

test('what is broken off does not go on by itself, and each day that went is in the audit log', async () => {
  const { database } = current()
  const { sql } = database
  await sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
  const days = [78, 77, 76, 75]
  const day = (back: number) => dayOf(now - back * dayMs)
  await writer().write(rows('broken-off', days))
  const stop = new AbortController()
  const broken = await dropExpired(
    database,
    { rows: day(70) },
    { signal: stop.signal, actor: 'cli:ana', progressed: () => stop.abort() },
  )
  expect(broken).toMatchObject({ dropped: [{ name: named(day(78)) }] })
  // The next in the row, which keeps more.
  expect(await dropExpired(database, { rows: day(90) })).toEqual({ busy: false, dropped: [] })
  expect(await summed('broken-off')).toEqual({ rows: 3, rollups: 4 })
  // And the days that are still there take what comes late.
  expect(await writer().store(rows('broken-off', [77]))).toEqual([])
  await dropExpired(database, { rows: day(76) })
  const entries = await sql`
    SELECT actor, action, target, detail->>'first' AS first FROM tollgate.audit_log
    WHERE target IN (${named(day(78))}, ${named(day(77))}) ORDER BY target`
  expect(entries).toEqual([
    { actor: 'cli:ana', action: 'usage.dropped', target: named(day(78)), first: day(78) },
    { actor: 'system:retention', action: 'usage.dropped', target: named(day(77)), first: day(77) },
  ])
})

test('upkeep on a host whose clock is far ahead drops nothing, and says why', async () => {
  const { database } = current()
  await database.sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
  await writer().write(rows('ahead', [1]))
  const said: object[] = []
  const upkeep = startUpkeep({
    database,
    clock: { ...systemClock, now: () => systemClock.now() + 400 * dayMs },
    log: { info: () => said.push({ dropped: true }), warn: (detail) => said.push(detail) },
    retention: () => ({ rowsDays: 90, rollupsDays: 1_000 }),
    everyMs: 50,
  })
  await expect.poll(() => said).toHaveLength(1)
  await upkeep.close()
  expect(said[0]).toEqual({ reason: expect.stringMatching(/^This host's clock says 20.*: nothing is dropped/) })
  expect(await summed('ahead')).toEqual({ rows: 1, rollups: 1 })
})

test('the turn is kept on a server that ends idle transactions', async () => {
  const { database } = current()
  const { sql } = database
  await sql`UPDATE tollgate.retention SET rows_since = '2020-01-01'`
  await writer().write(rows('idle', [82]))
  const [place] = await sql<{ name: string }[]>`SELECT current_database() AS name`
  const name = sql(place?.name ?? '')
  await sql`ALTER DATABASE ${name} SET idle_in_transaction_session_timeout = '200ms'`
  try {
    const reader = sql.begin(async (tx) => {
      await tx`SET LOCAL idle_in_transaction_session_timeout = 0`
      await tx`SELECT count(*) FROM tollgate.usage`
      await sleep(1_000)
    })
    const dropping = dropExpired(database, { rows: dayOf(now - 80 * dayMs) })
    expect(await dropping).toMatchObject({ dropped: [{ name: named(dayOf(now - 82 * dayMs)) }] })
    await reader
  } finally {
    await sql`ALTER DATABASE ${name} RESET idle_in_transaction_session_timeout`
  }
})
