import { expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { timeOf } from '../domain/id.ts'
import { nanoUsd } from '../domain/money.ts'
import type { PriceOverride } from '../domain/price-override.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import { rowText, type UsageRow } from '../domain/usage-row.ts'
import { addOverride, listOverrides } from '../ledger/configured/price-overrides.ts'
import { type RecalculationRequest, recalculate } from '../ledger/recalculate/recalculate.ts'
import { UsageLedger } from '../ledger/usage.ts'
import { reprice } from '../pipeline/reprice.ts'
import { openPriceBook } from '../prices/open-price-book.ts'
import { openOverrides } from '../prices/overrides.ts'
import { readPricing } from '../prices/read-pricing.ts'
import { testDatabase } from './database.ts'

const current = testDatabase()
const pricing = readPricing(new URL('../../pricing/', import.meta.url))
const listed = openPriceBook(pricing, { defaultPerMtok: nanoUsd(3_000_000_000) })
const policy = { chargeBy: 'provider', chargeOnUpstreamError: 'reported' } as const

const may = Date.UTC(2026, 4, 1)
const hourMs = 3_600_000

/** Like the gateway would have priced it at the time. */
function used(at: number, over: Partial<UsageRow> = {}): UsageRow {
  const row = rowAt(at, {
    ...{ provider: 'openai', model: 'gpt-4o-mini', connection_id: 'main', user_id: 'ana', usage_source: 'provider' },
    ...{ input_tokens: 1_000, output_tokens: 101, parts: { input: 1_000, output: 101 } },
    ...over,
  })
  return reprice(row, listed, policy)
}

async function write(rows: readonly UsageRow[]): Promise<void> {
  const ledger = new UsageLedger(current().database, systemClock)
  expect(await ledger.store(rows.map(rowText))).toEqual([])
  await ledger.close()
}

async function prices(...entries: readonly Omit<PriceOverride, 'id'>[]) {
  const { database } = current()
  for (const entry of entries) await addOverride(database, systemClock, entry, 'cli:ana')
  return openOverrides(listed, await listOverrides(database))
}

async function run(book: typeof listed, over: Partial<RecalculationRequest> = {}) {
  return recalculate(current().database, systemClock, {
    rows: { filter: {}, from: may, to: may + 30 * 24 * hourMs, unpriced: false },
    reprice: (row) => reprice(row, book, policy),
    dryRun: false,
    actor: 'cli:ana',
    signal: new AbortController().signal,
    batchRows: 50,
    ...over,
  })
}

/** Money as the rows have it, as each level of the sums has it, and as budgets have it. */
async function standing() {
  const { sql } = current().database
  const [rows] = await sql<{ cost: bigint; charge: bigint; known: bigint; unpriced: bigint }[]>`
    SELECT coalesce(sum(cost_nano_usd), 0)::bigint AS cost, coalesce(sum(charge_nano_usd), 0)::bigint AS charge,
      count(cost_nano_usd) AS known, count(*) FILTER (WHERE price_status = 'missing') AS unpriced
    FROM tollgate.usage`
  const levels = await sql<{ level: string; cost: bigint; charge: bigint; known: bigint; unpriced: bigint }[]>`
    SELECT level, sum(cost_nano_usd)::bigint AS cost, sum(charge_nano_usd)::bigint AS charge,
      sum(cost_known)::bigint AS known, sum(unpriced)::bigint AS unpriced
    FROM tollgate.rollups GROUP BY 1 ORDER BY 1`
  const budgets = await sql<{ window: string; settled: bigint; rows: bigint }[]>`
    SELECT spend."window", spend.settled_nano_usd AS settled, (
      SELECT coalesce(sum(charge_nano_usd), 0)::bigint FROM tollgate.usage, jsonb_array_elements(budgets) AS share
      WHERE share ->> 'window' = spend."window"
    ) AS rows
    FROM tollgate.budget_spend AS spend ORDER BY 1`
  return { rows, levels: [...levels], budgets: [...budgets] }
}

/** What must hold whatever happened: every sum is that of the rows. */
function expectToAddUp({ rows, levels, budgets }: Awaited<ReturnType<typeof standing>>): void {
  expect(levels).toEqual(['15m', '6h', 'day', 'user_15m', 'user_day'].map((level) => ({ level, ...rows })))
  for (const each of budgets) expect(each.settled).toBe(each.rows)
}

const share = (window: string) => [{ budget: 'b', subject: 's', window }]
const traffic = Array.from({ length: 400 }, (_, i) =>
  used(may + i * hourMs, {
    user_id: `user-${i % 7}`,
    org_id: i % 3 === 0 ? 'acme' : 'other',
    parts: { input: 700 + i, cache_read: 300 - (i % 300), output: i },
    budgets: share(i < 240 ? 'first' : 'second'),
  }),
)

test('a price that is changed for the past moves rows, sums and budgets by exactly units times the difference', async () => {
  await write(traffic)
  const before = await standing()
  expectToAddUp(before)

  // From the eleventh day on, acme's input costs 0.25 dollars a million in place of 0.15, cached or not; output 1.
  const from = may + 10 * 24 * hourMs
  const rates = { input: 250_000_000, output: 1_000_000_000 }
  const book = await prices({
    line: { scope: 'org', subject: 'acme', model: 'gpt-4o-*' },
    effectiveFrom: from,
    terms: { kind: 'absolute', rates },
  })
  const dearer = traffic.filter((row) => row.org_id === 'acme' && timeOf(row.id) >= from)
  const difference = dearer.reduce((sum, { parts = {}, cost_nano_usd: was = 0 }) => {
    const { input = 0, cache_read: cached = 0, output = 0 } = parts
    return sum + BigInt(Math.round(((input + cached) * rates.input + output * rates.output) / 1e6) - was)
  }, 0n)
  expect(dearer).toHaveLength(54)
  expect(difference).toBeGreaterThan(0n)

  const planned = await run(book, { dryRun: true })
  expect(await standing()).toEqual(before)
  const done = await run(book)
  expect(done).toEqual(planned)
  expect(done).toMatchObject({ rows: 400, changed: 54, interrupted: false })
  expect(done.after.cost - done.before.cost).toBe(difference)
  expect(done.after.charge - done.before.charge).toBe(difference)

  const after = await standing()
  expectToAddUp(after)
  expect((after.rows?.cost ?? 0n) - (before.rows?.cost ?? 0n)).toBe(difference)
  expect(after.budgets.reduce((sum, { settled }) => sum + settled, 0n)).toBe(after.rows?.charge)

  const [row] = await current().database.sql`
    SELECT price_status AS status, price_version_id AS version, rates -> 'input' AS input, revision
    FROM tollgate.usage WHERE id = ${dearer[0]?.id ?? ''}`
  expect(row).toMatchObject({ status: 'exact', input: 250_000_000, revision: 2 })
  expect(row?.['version']).toMatch(/^prc_\w{26}:openai\/gpt-4o-mini@/)

  // A second time there is nothing left to do, and nothing is written down.
  expect(await run(book)).toMatchObject({ rows: 400, changed: 0 })
  const audited = await current().database.sql`
    SELECT action, actor, detail FROM tollgate.audit_log WHERE target = 'usage' ORDER BY id`
  expect(audited.map(({ action }) => action)).toEqual(['usage.recalculation_started', 'usage.recalculation_ended'])
  expect(audited[1]).toMatchObject({
    actor: 'cli:ana',
    detail: {
      filter: { from: '2026-05-01T00:00:00.000Z', unpriced: false },
      ...{ rows: 400, changed: 54 },
      before: { cost_nano_usd: String(done.before.cost), unpriced: 0 },
      after: { cost_nano_usd: String(done.after.cost), unpriced: 0 },
    },
  })
})

test('only rows that match are looked at, and an end that is asked for comes after a batch', async () => {
  const book = openOverrides(listed, [])
  const of = async (filter: object, unpriced = false) =>
    (await run(book, { dryRun: true, rows: { filter, from: may, to: may + 20 * hourMs, unpriced } })).rows
  expect(await of({})).toBe(20)
  expect(await of({ org: 'acme' })).toBe(7)
  expect(await of({ org: 'acme', model: 'gpt-4o-mini', provider: 'openai', connection: 'main', key: 'dev' })).toBe(7)
  for (const filter of [{ model: 'm' }, { provider: 'p' }, { connection: 'c' }, { org: 'o' }, { key: 'k' }])
    expect(await of(filter)).toBe(0)
  expect(await of({}, true)).toBe(0)

  const stop = new AbortController()
  const seen: number[] = []
  const progressed = ({ rows }: { readonly rows: number }) => {
    seen.push(rows)
    if (rows >= 100) stop.abort()
  }
  const result = await run(book, { dryRun: true, signal: stop.signal, progressed })
  expect(seen).toEqual([50, 100])
  expect(result).toMatchObject({ rows: 100, interrupted: true })
})

test('what has no price is never priced at nothing; once there is one, it is priced by that', async () => {
  const later = may + 25 * 24 * hourMs
  const at = (minutes: number, over: Partial<UsageRow>) => used(later + minutes * 60_000, { ...over, org_id: 'new' })
  const stated = { provider_cost_nano_usd: 5_000 }
  const rows = [
    at(0, { model: 'qwen-3-coder-480b', provider: 'cerebras' }),
    at(1, { model: 'qwen-3-coder-480b', provider: 'cerebras', ...stated }),
    at(2, { model: 'nobody-knows' }),
    // Nothing was used, so there is nothing to price.
    rowAt(later, { org_id: 'new', provider: 'openai', model: 'gpt-4o', cost_nano_usd: 0, charge_nano_usd: 0 }),
    rowAt(later, { org_id: 'new', attempt: 0, success: false, status: 'refused', cost_nano_usd: 0 }),
  ]
  expect(
    rows.map(({ cost_nano_usd, charge_nano_usd, price_status }) => [cost_nano_usd, charge_nano_usd, price_status]),
  ).toEqual([
    ...[
      [undefined, undefined, 'missing'],
      [undefined, 5_000, 'missing'],
      [3_303_000, 3_303_000, 'default'],
    ],
    ...[
      [0, 0, undefined],
      [0, undefined, undefined],
    ],
  ])
  await write(rows)
  const scope = { rows: { filter: { org: 'new' }, from: later, to: later + hourMs, unpriced: true } }
  expect(await run(openOverrides(listed, []), scope)).toMatchObject({ rows: 3, changed: 0, after: { unpriced: 2 } })

  const book = await prices(
    {
      line: { scope: 'global', provider: 'cerebras', model: 'qwen-3-coder-480b' },
      effectiveFrom: later,
      terms: { kind: 'absolute', rates: { input: 1_000_000_000, output: 2_000_000_000 } },
    },
    {
      line: { scope: 'global', model: 'nobody-*' },
      effectiveFrom: later,
      terms: { kind: 'per_request', fee: nanoUsd(7) },
    },
  )
  const done = await run(book, scope)
  expect(done).toMatchObject({ rows: 3, changed: 3, before: { unpriced: 2 }, after: { unpriced: 0 } })
  expect(
    done.models.map(({ model, before, after }) => [model, after.cost - before.cost, after.charge - before.charge]),
  ).toEqual([
    ['nobody-knows', 7n, 7n],
    ['qwen-3-coder-480b', 2n * 1_202_000n, 1_202_000n],
  ])
  const stored = await current().database.sql`
    SELECT price_status AS status, to_jsonb(flags) AS flags, parts -> 'requests' AS requests FROM tollgate.usage
    WHERE org_id = 'new' AND parts IS NOT NULL ORDER BY id`
  expect(stored.map(({ status, flags, requests }) => [status, flags, requests])).toEqual([
    ['exact', [], null],
    ['exact', [], null],
    ['default', ['default_price'], 1],
  ])

  // The fee is withdrawn: the part that was there for its sake goes with it.
  const withdrawn = await prices({
    line: { scope: 'global', model: 'nobody-*' },
    effectiveFrom: later,
    terms: { kind: 'withdrawn' },
  })
  expect(await run(withdrawn, scope)).toMatchObject({ rows: 1, changed: 1 })
  expectToAddUp(await standing())
})

test('a model that was priced by what served it still is', async () => {
  const later = may + 26 * 24 * hourMs
  const quote = listed.quote({ provider: 'azure', model: 'prod-chat', served: 'gpt-4o-2024-08-06', at: later })
  const row = rowAt(later, {
    ...{ org_id: 'served', provider: 'azure', model: 'prod-chat', usage_source: 'provider' },
    ...{ input_tokens: 10, parts: { input: 10 }, cost_nano_usd: 25_000, charge_nano_usd: 25_000 },
    ...{ price_status: quote.status, rates: quote.rates(10) },
    ...(quote.versionId !== undefined && { price_version_id: quote.versionId }),
  })
  await write([row])
  const scope = { rows: { filter: { org: 'served' }, from: later, to: later + hourMs, unpriced: false } }
  expect(await run(openOverrides(listed, []), scope)).toMatchObject({ rows: 1, changed: 0 })
  const book = await prices({
    line: { scope: 'global', model: 'prod-*' },
    effectiveFrom: later,
    terms: { kind: 'multiplier', billionths: 2_000_000_000 },
  })
  const doubled = { changed: 1, before: { cost: 25_000n }, after: { cost: 50_000n, unpriced: 0 } }
  expect(await run(book, scope)).toMatchObject(doubled)
  // What served it is known from its version still.
  expect(await run(openOverrides(listed, []), scope)).toMatchObject({ changed: 1, after: { cost: 25_000n } })
})

test('writers go on meanwhile: a late revision and a correction leave every sum right', {
  timeout: 60_000,
}, async () => {
  const later = may + 27 * 24 * hourMs
  const lost = Array.from({ length: 300 }, (_, i) =>
    used(later + i * 10_000, { org_id: 'busy', revision: 0, status: 'orphan', success: false, budgets: share('busy') }),
  )
  await write(lost)
  const book = await prices({
    line: { scope: 'org', subject: 'busy', model: '*' },
    effectiveFrom: later,
    terms: { kind: 'multiplier', billionths: 3_000_000_000 },
  })
  // Their rows turn up, still at the old price, with more output; and new ones come.
  const found = lost.map(
    (row): UsageRow =>
      reprice(
        { ...row, revision: 2, status: 'complete', success: true, parts: { input: 1_000, output: 999 } },
        listed,
        policy,
      ),
  )
  const scope = { rows: { filter: { org: 'busy' }, from: later, to: later + hourMs, unpriced: false }, batchRows: 20 }
  const writing = async () => {
    for (let i = 0; i < found.length; i += 30) {
      await write([...found.slice(i, i + 30), used(later + i * 10_000 + 5, { org_id: 'busy', budgets: share('busy') })])
    }
  }
  await Promise.all([writing(), run(book, scope), run(book, scope)])
  expectToAddUp(await standing())
  await run(book, scope)
  expectToAddUp(await standing())
  const [settled] = await current().database.sql<{ revisions: bigint[]; charge: bigint }[]>`
    SELECT array_agg(DISTINCT revision) AS revisions, sum(charge_nano_usd)::bigint AS charge
    FROM tollgate.usage WHERE org_id = 'busy'`
  const expected = [...found, ...Array.from({ length: 10 }, () => used(later, { org_id: 'busy' }))]
  expect(settled?.charge).toBe(expected.reduce((sum, row) => sum + 3n * BigInt(row.cost_nano_usd ?? 0), 0n))
  expect(await run(book, scope)).toMatchObject({ rows: 310, changed: 0 })
})
