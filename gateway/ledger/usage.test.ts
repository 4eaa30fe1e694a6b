import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { rowAt as aRowAt } from '../domain/usage-row.fixture.ts'
import { rowText, type UsageRow } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { makeDaysAhead } from './partitions.ts'
import { UsageLedger } from './usage.ts'

const current = testDatabase()

function rowAt(at: number, over: Partial<UsageRow> = {}): UsageRow {
  return aRowAt(at, {
    stream: true,
    usage_source: 'provider',
    input_tokens: 10,
    output_tokens: 5,
    parts: { input: 10, output: 5 },
    cost_nano_usd: 1500,
    charge_nano_usd: 1500,
    ...over,
  })
}

function ledger(options?: ConstructorParameters<typeof UsageLedger>[2]): UsageLedger {
  return new UsageLedger(current().database, systemClock, options)
}

/** Returns what was refused, and why. */
async function writeAll(rows: readonly UsageRow[]): Promise<readonly { id: string; reason: string }[]> {
  const writer = ledger()
  const rejected = await writer.store(rows.map(rowText))
  await writer.close()
  return rejected.map(({ row, reason }) => ({ id: row.id, reason }))
}

async function stored(id: string): Promise<Record<string, unknown> | undefined> {
  const [row] = await current().database.sql<{ row: Record<string, unknown> }[]>`
    SELECT to_jsonb(usage) AS row FROM tollgate.usage WHERE id = ${id}`
  return row?.row
}

async function countOf(key: string): Promise<{ rows: number; cost: number }> {
  const [row] = await current().database.sql<{ rows: bigint; cost: string }[]>`
    SELECT count(*) AS rows, sum(cost_nano_usd) AS cost FROM tollgate.usage WHERE key_id = ${key}`
  return { rows: Number(row?.rows), cost: Number(row?.cost) }
}

const now = systemClock.now()

test('a row goes in as it is, at the time that its id carries', async () => {
  const row = rowAt(now - 1234, {
    metadata: { team: 'a"b\\c', deep: { list: [1, null] } },
    flags: ['clamped', 'overrun'],
    usage_raw: { prompt_tokens: 10 },
    overhead_ms: 0.734,
    provider_cost_nano_usd: 2_000_000_001,
  })
  expect(await writeAll([row])).toEqual([])
  const { started_at, inserted_at, ...columns } = (await stored(row.id)) ?? {}
  expect(Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== null))).toEqual({
    ...row,
    total_tokens: 15,
  })
  expect(Date.parse(String(started_at))).toBe(now - 1234)
  expect(Date.parse(String(inserted_at))).toBeGreaterThan(now - 1000)
  const [view] = await current().database.sql`
    SELECT cost_usd::text, provider_cost_usd::text, cardinality(flags) AS flags FROM tollgate.usage_rows WHERE id = ${row.id}`
  expect(view).toEqual({ cost_usd: '0.000001500', provider_cost_usd: '2.000000001', flags: 2 })
})

test('what is unknown stays unknown: no total of tokens where neither half is known, no flags where none are', async () => {
  const { input_tokens, output_tokens, parts, cost_nano_usd, charge_nano_usd, ...bare } = rowAt(now)
  expect(await writeAll([{ ...bare, usage_source: 'none' }])).toEqual([])
  expect(await stored(bare.id)).toMatchObject({ total_tokens: null, cost_nano_usd: null, parts: null, flags: [] })
})

test('a row replaces one of a lower revision, and nothing else', async () => {
  const first = rowAt(now, { revision: 0, status: 'orphan', success: false, feature: 'search' })
  const { feature, ...rest } = first
  const final: UsageRow = { ...rest, revision: 2, status: 'complete', success: true }
  await writeAll([first])
  await writeAll([final])
  expect(await stored(first.id)).toMatchObject({ revision: 2, status: 'complete', success: true, feature: null })
  await writeAll([{ ...final, revision: 1, status: 'failed' }])
  await writeAll([{ ...final, status: 'cut' }])
  await writeAll([first])
  expect(await stored(first.id)).toMatchObject({ revision: 2, status: 'complete' })
})

test('of one id twice in a batch, the higher revision counts', async () => {
  const row = rowAt(now)
  expect(await writeAll([{ ...row, revision: 1, status: 'failed' }, row, { ...row, revision: 0 }])).toEqual([])
  expect(await stored(row.id)).toMatchObject({ revision: 2, status: 'complete' })
})

test('eight writers with overlapping batches leave each row once', { timeout: 60_000 }, async () => {
  const rows = Array.from({ length: 2_000 }, (_, i) => rowAt(now - i, { key_id: 'crowd', cost_nano_usd: i }))
  const writers = Array.from({ length: 8 }, ledger)
  await Promise.all(
    writers.map(async (writer, w) => {
      for (let round = 0; round < 6; round++) {
        const from = ((w + round) * 250) % rows.length
        const batch = [...rows.slice(from), ...rows.slice(0, from)].slice(0, 1_000)
        const order = batch.map((row) => ({ row, at: Math.random() })).sort((a, b) => a.at - b.at)
        expect(await writer.store(order.map(({ row }) => rowText(row)))).toEqual([])
      }
    }),
  )
  await Promise.all(writers.map((writer) => writer.close()))
  expect(await countOf('crowd')).toEqual({ rows: 2_000, cost: (1_999 * 2_000) / 2 })
})

test('rows of other days find a partition, however many writers meet them first', async () => {
  const midnight = Date.UTC(2026, 1, 28)
  const times = [midnight - 1, midnight, midnight + 86_400_000 - 1, midnight + 86_400_000]
  const writers = Array.from({ length: 6 }, ledger)
  const rejected = await Promise.all(
    writers.map((writer) => writer.store(times.map((at) => rowText(rowAt(at, { key_id: 'midnight' }))))),
  )
  await Promise.all(writers.map((writer) => writer.close()))
  expect(rejected.flat()).toEqual([])
  const partitions = await current().database.sql`
    SELECT relname AS name, count(*)::int AS rows FROM tollgate.usage JOIN pg_class ON oid = usage.tableoid
    WHERE key_id = 'midnight' GROUP BY 1 ORDER BY 1`
  expect([...partitions]).toEqual([
    { name: 'usage_20260227', rows: 6 },
    { name: 'usage_20260228', rows: 12 },
    { name: 'usage_20260301', rows: 6 },
  ])
})

test('a partition that was taken away under a running writer is made again', async () => {
  const writer = ledger()
  const at = Date.UTC(2025, 5, 1)
  await writer.write([rowText(rowAt(at))])
  await current().database.sql`DROP TABLE tollgate.usage_20250601`
  expect(await writer.store([rowText(rowAt(at, { key_id: 'again' }))])).toEqual([])
  await writer.close()
  expect((await countOf('again')).rows).toBe(1)
})

test('partitions are made ahead without waiting for a long read of the table', async () => {
  const { database } = current()
  await database.sql.begin(async (reader) => {
    await reader`SELECT count(*) FROM tollgate.usage`
    await makeDaysAhead(database, { ...systemClock, now: () => Date.UTC(2027, 0, 1) }, 2)
  })
  const [there] = await database.sql`SELECT to_regclass('tollgate.usage_20270103') IS NOT NULL AS made`
  expect(there).toEqual({ made: true })
})

describe('a row that PostgreSQL cannot take', () => {
  // What a row may hold at run time after a bug, or after another release wrote the journal.
  const broken = (wrong: Readonly<Record<string, unknown>>): UsageRow => ({ ...rowAt(now), ...wrong })

  test('is named, and the other 999 go in', async () => {
    const rows = Array.from({ length: 1_000 }, () => rowAt(now, { key_id: 'others' }))
    const poison = broken({ status: 'exploded', key_id: 'others' })
    rows[537] = poison
    expect(await writeAll(rows)).toEqual([{ id: poison.id, reason: expect.stringContaining('usage_status_known') }])
    expect((await countOf('others')).rows).toBe(999)
  })

  test.each([
    ['an unknown flag', { flags: ['sparkling'] }],
    ['a number beyond 64 bits', { cost_nano_usd: 1e30 }],
    ['a fraction of a token', { input_tokens: 1.5 }],
    ['a missing member', { org_id: undefined }],
    ['text for a number', { http_status: 'teapot' }],
    ['a key too long to be indexed', { key_id: Array.from({ length: 9_000 }, () => Math.random()).join('') }],
    ['an id that is no UUIDv7', { id: 'c2cbe2bc-5b4f-4c6e-9d2e-0d6f8c7a4b11' }],
    ['an id from the year 10889', { id: 'ffffffff-ffff-7fff-bfff-ffffffffffff' }],
  ])('is named when it has %s', async (_, wrong) => {
    const good = rowAt(now)
    const poison = broken(wrong)
    expect(await writeAll([good, poison])).toEqual([{ id: poison.id, reason: expect.any(String) }])
    expect(await stored(good.id)).toBeDefined()
  })

  test('is not one with NULs or broken surrogates: they are cleaned', async () => {
    const row = rowAt(now, { feature: 'a\0b', error_message: '\ud800!', metadata: { 'k\0': ['\0', '\\u0000'] } })
    expect(await writeAll([row])).toEqual([])
    expect(await stored(row.id)).toMatchObject({
      feature: 'ab',
      error_message: '\ufffd!',
      metadata: { k: ['', '\\u0000'] },
    })
  })
})

test('a server that does not answer is given up on, and written to again when it does', async () => {
  const writer = ledger({ patience: { statementMs: 5_000, answerMs: 300 } })
  const row = rowAt(now)
  await writer.write([rowText(rowAt(now))])
  await current().database.sql.begin(async (holder) => {
    await holder`LOCK TABLE tollgate.usage IN ACCESS EXCLUSIVE MODE`
    await expect(writer.write([rowText(row)])).rejects.toThrow('did not answer within 300 ms')
  })
  await sleep(50)
  expect(await writer.store([rowText(row)])).toEqual([])
  await writer.close()
  expect(await stored(row.id)).toBeDefined()
})
