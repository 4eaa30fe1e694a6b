import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { dayMs, dayOf } from '../../domain/day.ts'
import { uuidV7 } from '../../domain/id.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText, type UsageRow } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { makeLogin } from '../../e2e/logins.ts'
import { makingPartitions } from '../locks.ts'
import { dropExpired } from '../retention/retention.ts'
import { UsageLedger } from '../usage.ts'
import { undelivered } from './undelivered.ts'
import { keptDays, verifyBudgets, verifyDay, verifyLately } from './verify.ts'
import type { Difference } from './verify-difference.ts'
import { repairBudget, repairDay } from './verify-repair.ts'

const current = testDatabase()
const now = Date.UTC(2026, 2, 20)
const noon = Date.UTC(2026, 2, 3, 12)
const day = '2026-03-03'
const clock = { ...systemClock, now: () => now }
const shares = [{ budget: 'b1', subject: 's1', window: '2026-03-03' }]

const rowsOfDay: readonly UsageRow[] = Array.from({ length: 60 }, (_, i) =>
  rowAt(noon + i * 60_000, {
    model: i % 3 === 0 ? undefined : `m${i % 3}`,
    feature: i % 2 === 0 ? '' : undefined,
    user_id: i % 4 === 0 ? undefined : `u${i % 4}`,
    status: i % 7 === 0 ? 'failed' : 'complete',
    success: i % 7 !== 0,
    input_tokens: i,
    charge_nano_usd: 10,
    response_time_ms: i * 50,
    ...(i % 2 === 0 ? { first_token_ms: i } : {}),
    budgets: shares,
  }),
)

let ledger: UsageLedger
beforeAll(async () => {
  ledger = new UsageLedger(current().database, clock)
  await ledger.write([...rowsOfDay, rowAt(Date.UTC(2026, 2, 1))].map(rowText))
  return () => ledger.close()
})

const found = () => verifyDay(current().database, day, now)

test('rows and all that is summed from them agree', async () => {
  expect((await keptDays(current().database)).slice(0, 2)).toEqual(['2026-03-01', day])
  expect(await found()).toEqual([])
  expect(await verifyBudgets(current().database, '2026-03-01')).toEqual([])
})

test('a login that may do nothing by itself finds the same', async () => {
  const bare = await makeLogin(current(), ['tollgate_owner', 'tollgate_ingest', 'tollgate_app'], 'NOINHERIT')
  try {
    expect(await keptDays(bare.database)).toEqual(await keptDays(current().database))
    expect(await verifyDay(bare.database, day, now)).toEqual([])
    expect(await verifyLately(bare.database, now)).toEqual([])
    expect(await verifyBudgets(bare.database, '2026-03-01')).toEqual([])
    const [sum] = await current().database.sql<{ at: Date; series_id: string }[]>`
      SELECT at, series_id FROM tollgate.rollups WHERE level = 'day' AND at = ${day} AND rows > 0 LIMIT 1`
    await current().database.sql`
      UPDATE tollgate.rollups SET calls = calls + 1
      WHERE level = 'day' AND at = ${sum?.at ?? null} AND series_id = ${sum?.series_id ?? null}`
    const differences = await verifyDay(bare.database, day, now)
    expect(differences).toMatchObject([{ book: 'rollups', measure: 'calls' }])
    await repairDay(bare.database, clock, day, { actor: 'cli:test', differences })
    expect(await found()).toEqual([])
  } finally {
    await bare.drop()
  }
})

describe('a planted difference is told by its place, and repaired', () => {
  const plant = (statement: string) => current().database.sql.unsafe(statement)
  const oneSum = (level: string) =>
    `(level, at, series_id) = (SELECT level, at, series_id FROM tollgate.rollups WHERE level = '${level}' AND rows > 0
      AND at >= '${day}' ORDER BY at, series_id LIMIT 1)`

  afterEach(async () => {
    await repairDay(current().database, clock, day, { actor: 'cli:test', differences: [] })
    expect(await found()).toEqual([])
  })

  test.each(['15m', '6h', 'day', 'user_15m', 'user_day'])('a token too many at level %s', async (level) => {
    await plant(`UPDATE tollgate.rollups SET input_tokens = input_tokens + 1 WHERE ${oneSum(level)}`)
    const [difference, ...others] = await found()
    expect(others).toEqual([])
    expect(difference).toMatchObject({ book: 'rollups', measure: 'input_tokens', place: { level, key_id: 'dev' } })
    expect(Number(difference?.book_says) - Number(difference?.rows)).toBe(1)
  })

  test('every measure, by its name', async () => {
    const columns = await current().database.sql<{ name: string }[]>`
      SELECT attname AS name FROM pg_attribute
      WHERE attrelid = 'tollgate.rollups'::regclass AND attnum > 0 AND atttypid = 'bigint'::regtype ORDER BY 1`
    const names = columns.map(({ name }) => name)
    await plant(
      `UPDATE tollgate.rollups SET ${names.map((name) => `${name} = ${name} + 1`).join(', ')} WHERE ${oneSum('day')}`,
    )
    expect((await found()).map(({ measure }) => measure).sort()).toEqual(names.toSorted())
  })

  test('a sum that is gone, and one of labels that no row has', async () => {
    await plant(`DELETE FROM tollgate.rollups WHERE ${oneSum('15m')}`)
    await plant(
      `UPDATE tollgate.rollups SET series_id = '00000000-0000-0000-0000-000000000001' WHERE ${oneSum('user_day')}`,
    )
    const differences = await found()
    const gone = differences.filter(({ place }) => place['level'] === '15m')
    expect(gone.length).toBeGreaterThan(1)
    expect(gone.every(({ book_says }) => book_says === null || book_says === '0')).toBe(true)
    expect(differences.some(({ place }) => place['series'] === '00000000-0000-0000-0000-000000000001')).toBe(true)
  })

  test('a step of a histogram', async () => {
    await plant(`UPDATE tollgate.rollups SET response_histogram = '[3:3]={7}' WHERE ${oneSum('day')}`)
    const differences = await found()
    expect(differences.map(({ measure }) => measure)).toContain('response_histogram[3]')
    expect(
      differences.every(({ measure, place }) => measure.startsWith('response_histogram[') && place['level'] === 'day'),
    ).toBe(true)
  })

  test('a sum that begins after its first row', async () => {
    await plant(`UPDATE tollgate.rollups SET first_at = last_at + interval '1 second' WHERE ${oneSum('day')}`)
    expect(await found()).toMatchObject([{ measure: 'first_at' }])
  })

  test('rows that came behind the back of the sums', async () => {
    await plant('ALTER TABLE tollgate.usage DISABLE TRIGGER usage_inserted')
    await ledger.write([rowText(rowAt(noon + 1, { key_id: 'sneaked', input_tokens: 3 }))])
    await plant('ALTER TABLE tollgate.usage ENABLE TRIGGER usage_inserted')
    const differences = await found()
    expect(new Set(differences.map(({ place }) => place['level']))).toEqual(
      new Set(['15m', '6h', 'day', 'user_15m', 'user_day']),
    )
    expect(differences).toContainEqual(expect.objectContaining({ measure: 'input_tokens', rows: '3', book_says: null }))
  })

  test('a user that nobody has seen, or too late', async () => {
    await plant(`DELETE FROM tollgate.users_seen WHERE user_id = 'u1'`)
    await plant(`UPDATE tollgate.users_seen SET first_seen_at = now() WHERE user_id = 'u2'`)
    await plant(`UPDATE tollgate.users_seen SET last_seen_at = first_seen_at WHERE user_id = 'u3'`)
    expect(
      (await found()).map(({ book, place, measure, book_says }) => [
        book,
        place['user_id'],
        measure,
        book_says === null,
      ]),
    ).toEqual([
      ['users_seen', 'u1', 'first_seen_at', true],
      ['users_seen', 'u2', 'first_seen_at', false],
      ['users_seen', 'u3', 'last_seen_at', false],
    ])
  })
})

test('a repair is in the audit log, with what was wrong', async () => {
  const differences: readonly Difference[] = [
    { book: 'rollups', place: { level: 'day' }, measure: 'calls', rows: '1', book_says: '2' },
  ]
  await repairDay(current().database, clock, day, { actor: 'cli:ana', differences })
  const entries = await current().database
    .sql`SELECT actor, action, target, detail FROM tollgate.audit_log WHERE actor = 'cli:ana'`
  expect(entries).toMatchObject([
    { actor: 'cli:ana', action: 'rollups.repaired', target: day, detail: { differences } },
  ])
})

test('a budget that spent what no row says is told and repaired; one whose rows may be gone is left', async () => {
  const { database } = current()
  await database.sql`UPDATE tollgate.budget_spend SET settled_nano_usd = settled_nano_usd + 7`
  const differences = await verifyBudgets(database, '2026-03-01')
  const place = { budget: 'b1', subject: 's1', window: '2026-03-03' }
  expect(differences).toEqual([
    { book: 'budget_spend', place, measure: 'settled_nano_usd', rows: '600', book_says: '607' },
  ])
  expect(await verifyBudgets(database, '2026-03-03')).toEqual([])
  for (const each of differences) await repairBudget(database, clock, each, 'cli:test')
  expect(await verifyBudgets(database, '2026-03-01')).toEqual([])
})

test('a call that ended twice, or never, is told', async () => {
  const [twice, never, going, overnight] = [uuidV7(noon), uuidV7(noon), uuidV7(noon), uuidV7(noon)]
  const at = Date.UTC(2026, 2, 5, 23, 59)
  await ledger.write(
    [
      rowAt(at, { call_id: twice, attempt: 1 }),
      rowAt(at + 120_000, { call_id: twice, attempt: 2 }),
      rowAt(at, { call_id: never, calls: 0 }),
      rowAt(now - 60_000, { call_id: going, calls: 0 }),
      // Over midnight, and right: its last attempt is of the next day.
      rowAt(at, { call_id: overnight, calls: 0 }),
      rowAt(at + 120_000, { call_id: overnight, attempt: 2 }),
      rowAt(at, { attempt: 0, calls: 12, status: 'refused', success: false }),
    ].map(rowText),
  )
  // Found on the day that another attempt followed on.
  const days = ['2026-03-05', '2026-03-06'].map((each) => verifyDay(current().database, each, now))
  const differences = (await Promise.all(days)).flat()
  expect(new Map(differences.map(({ place, rows }) => [place['call_id'], rows]))).toEqual(
    new Map([
      [twice, '2'],
      [never, '0'],
    ]),
  )
  expect(await verifyDay(current().database, '2026-03-19', now)).toEqual([])
})

test('a look at the last hour goes by sums that lie within it, and sees what they lack', async () => {
  const { database } = current()
  const afternoon = Date.UTC(2026, 2, 3, 14, 20)
  await ledger.write([rowText(rowAt(afternoon - 60_000, { key_id: 'lately', input_tokens: 3 }))])
  expect(await verifyLately(database, afternoon)).toEqual([])
  const spoil = (by: number) => database.sql`
    UPDATE tollgate.rollups SET input_tokens = input_tokens + ${by} WHERE level = '15m' AND series_id IN (
      SELECT id FROM tollgate.series WHERE key_id = 'lately')`
  await spoil(1)
  expect(await verifyLately(database, afternoon)).toMatchObject([
    { measure: 'input_tokens', rows: '3', book_says: '4' },
  ])
  await spoil(-1)
})

test('rows that the ledger does not have, or has as they were earlier, are undelivered; those in quarantine are not', async () => {
  const { database } = current()
  const stored = rowAt(noon, { revision: 0 })
  const refused = rowAt(noon)
  const absent = rowAt(noon)
  await ledger.write([rowText(stored)])
  await database.sql`
    INSERT INTO tollgate.quarantine (id, quarantined_at, reason, row)
    VALUES (${refused.id}, now(), 'odd', ${JSON.stringify({ ...refused, revision: 1 })})`
  const asked = [stored, { ...stored, revision: 2 }, { ...refused, revision: 1 }, refused, absent, ...rowsOfDay]
  expect(await undelivered(database, asked)).toEqual([{ ...stored, revision: 2 }, refused, absent])
})

test('a repair of many rows holds writers up for a slice at most', { timeout: 60_000 }, async () => {
  const { database } = current()
  const start = Date.UTC(2026, 2, 10)
  const many = Array.from({ length: 2_000 }, (_, i) =>
    rowText(
      rowAt(start + i * 43_000, {
        key_id: `k${i % 50}`,
        model: `m${i % 20}`,
        user_id: `u${i % 500}`,
        response_time_ms: i,
      }),
    ),
  )
  await ledger.write(many)
  await database.sql`UPDATE tollgate.rollups SET calls = calls + 1, response_histogram = NULL WHERE at >= '2026-03-10'`
  let over = false
  const began = systemClock.elapsed()
  const repairing = repairDay(database, clock, '2026-03-10', { actor: 'cli:test', differences: [] }).finally(() => {
    over = true
  })
  let slowest = 0
  let writes = 0
  while (!over) {
    const from = systemClock.elapsed()
    await ledger.write([rowText(rowAt(start + writes++ * 1_000, { key_id: 'meanwhile', user_id: 'u1' }))])
    slowest = Math.max(slowest, systemClock.elapsed() - from)
  }
  expect(await repairing).toBe(true)
  const tookMs = systemClock.elapsed() - began
  expect(slowest).toBeLessThan(tookMs / 4)
  expect(await verifyDay(database, '2026-03-10', now)).toEqual([])
})

describe('retention takes days away while verify is at work', () => {
  const daysBack = [40, 35, 30, 20, 1]
  const today = now
  const of = (back: number) => dayOf(today - back * dayMs)
  const books = async () => [
    await current().database.sql`
      SELECT level, sum(rows)::int AS rows, sum(charge_nano_usd)::int AS charge FROM tollgate.rollups
      JOIN tollgate.series ON id = series_id WHERE key_id = 'aging' GROUP BY 1 ORDER BY 1`,
    await current().database.sql`
      SELECT "window", settled_nano_usd::int AS spent FROM tollgate.budget_spend WHERE budget = 'aging' ORDER BY 1`,
  ]

  test('what sums and budgets say of days that are gone is neither a difference nor repaired', async () => {
    const { database } = current()
    const aging = (back: number) =>
      rowAt(today - back * dayMs, {
        key_id: 'aging',
        charge_nano_usd: 7,
        budgets: [{ budget: 'aging', subject: 's', window: of(back) }],
      })
    await ledger.write(daysBack.map((back) => rowText(aging(back))))
    const before = await books()
    expect(before[0]).toContainEqual({ level: 'day', rows: 5, charge: 35 })
    const oldest = (await keptDays(database))[0]
    const gone: Difference = {
      ...{ book: 'budget_spend', place: { budget: 'aging', subject: 's', window: of(35) } },
      ...{ measure: 'settled_nano_usd', rows: null, book_says: '7' },
    }
    await dropExpired(database, { rows: of(9) })
    for (const back of daysBack.slice(0, 4)) {
      expect(await verifyDay(database, of(back), today)).toEqual([])
      expect(await repairDay(database, clock, of(back), { actor: 'cli:aging', differences: [] })).toBe(false)
    }
    expect(await verifyBudgets(database, oldest)).toEqual([])
    expect(await repairBudget(database, clock, gone, 'cli:aging')).toBe(false)
    expect(await books()).toEqual(before)
    expect(await database.sql`SELECT FROM tollgate.audit_log WHERE actor = 'cli:aging'`).toEqual([])
    expect(await keptDays(database)).not.toContain(of(20))
  })

  test('a day that goes in the middle of its repair is left, and none goes while a slice is under way', async () => {
    const { database } = current()
    const before = await books()
    let repaired: Promise<boolean> | undefined
    await database.sql.begin(async (tx) => {
      await tx`SELECT pg_advisory_xact_lock(${makingPartitions})`
      repaired = repairDay(database, clock, of(1), { actor: 'cli:aging', differences: [] })
      await tx`UPDATE tollgate.retention SET rows_since = ${of(0)}`
    })
    expect(await repaired).toBe(false)
    expect(await books()).toEqual(before)
    await database.sql`UPDATE tollgate.retention SET rows_since = ${of(9)}`
  })

  test('a budget whose rows are gone in part is raised to what is left of them, and never lowered', async () => {
    const { database } = current()
    const month = { budget: 'monthly', subject: 's', window: of(0).slice(0, 7) }
    await ledger.write([rowText(rowAt(today, { charge_nano_usd: 5, budgets: [month] }))])
    const found: Difference = {
      book: 'budget_spend',
      place: month,
      measure: 'settled_nano_usd',
      rows: '5',
      book_says: '',
    }
    const spent = async () =>
      (
        await database.sql`
      SELECT settled_nano_usd::int AS spent FROM tollgate.budget_spend WHERE budget = 'monthly'`
      )[0]?.['spent']
    for (const [planted, repaired] of [
      [9, 9],
      [3, 5],
    ] as const) {
      await database.sql`UPDATE tollgate.budget_spend SET settled_nano_usd = ${planted} WHERE budget = 'monthly'`
      await repairBudget(database, clock, found, 'cli:monthly')
      expect(await spent()).toBe(repaired)
    }
  })
})
