import { beforeAll, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import { rowAt as aRowAt } from '../domain/usage-row.fixture.ts'
import { rowText, type UsageRow } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { type Filter, only } from './query/filters.ts'
import { metricNames } from './query/metrics.ts'
import { TooManyPoints } from './query/time-buckets.ts'
import { type UsageQuestion, usageSums } from './query/usage-sums.ts'
import { requestOf, requestsOf, tail } from './requests.ts'
import { everyOrg } from './roles.ts'
import { UsageLedger } from './usage.ts'

const current = testDatabase()
const now = systemClock.now()
const hourMs = 3_600_000

const rowAt = (at: number, over: Partial<UsageRow> = {}) => aRowAt(at, { usage_source: 'provider', flags: [], ...over })

// Every reading member at work: two calls on one day, a failover, a refusal, and an answer that nobody could price.
const monday = Date.UTC(2026, 2, 2, 23, 30)
const call = uuidV7(monday)
const rows: readonly UsageRow[] = [
  rowAt(monday, {
    call_id: call,
    calls: 0,
    success: false,
    status: 'failed',
    connection_id: 'a',
    usage_source: 'none',
  }),
  rowAt(monday + 900, {
    call_id: call,
    attempt: 2,
    connection_id: 'b',
    model: 'gpt',
    input_tokens: 100,
    cached_input_tokens: 40,
    output_tokens: 20,
    total_tokens: 120,
    parts: { input: 60, cache_read: 40, output: 20 },
    cost_nano_usd: 9_007_199_254_740_991,
    charge_nano_usd: 7,
    price_status: 'exact',
    metadata: { team: null, list: [] },
  }),
  rowAt(monday + hourMs, {
    model: 'gpt',
    input_tokens: 1,
    output_tokens: 0,
    total_tokens: 1,
    cost_nano_usd: 2,
    price_status: 'default',
    usage_source: 'counted',
  }),
  rowAt(monday + 2 * hourMs, { model: 'odd', input_tokens: 5, total_tokens: 5, price_status: 'missing' }),
  rowAt(monday + 2 * hourMs, { attempt: 0, success: false, status: 'refused', usage_source: 'none' }),
  rowAt(monday, { key_id: 'other', model: 'gpt', input_tokens: 1_000, total_tokens: 1_000 }),
]

beforeAll(async () => {
  const ledger = new UsageLedger(current().database, systemClock)
  expect(await ledger.store(rows.map(rowText))).toEqual([])
  await ledger.close()
})

/** A key of the one organisation there is here. */
const named = (id: string) => ({ id, org: 'acme' })

const march = {
  scope: everyOrg,
  filters: [only('key', 'dev')],
  from: Date.UTC(2026, 2, 1),
  to: Date.UTC(2026, 2, 10),
  now,
}

describe('a call', () => {
  test('is told with all its attempts, oldest first, as they were written', async () => {
    expect(await requestOf(current().database, named('dev'), call)).toEqual(rows.slice(0, 2))
  })

  test('of another key is none', async () => {
    expect(await requestOf(current().database, named('other'), call)).toEqual([])
  })
})

describe('calls', () => {
  test('are told newest first, each with its attempts, and page by page without a gap', async () => {
    const all = await requestsOf(current().database, named('dev'), { limit: 10 })
    const newestFirst = all.map(([first]) => first?.id ?? '')
    expect(newestFirst).toEqual(newestFirst.toSorted().toReversed())
    expect(all.at(-1)).toEqual(rows.slice(0, 2))
    expect(all).toHaveLength(4)
    const paged: (readonly UsageRow[])[] = []
    for (let before: string | undefined; ; before = paged.at(-1)?.[0]?.id) {
      const page = await requestsOf(current().database, named('dev'), { limit: 3, before })
      if (page.length === 0) break
      paged.push(...page)
    }
    expect(paged).toEqual(all)
  })

  test('of another key are not among them', async () => {
    expect(await requestsOf(current().database, named('nobody'), { limit: 10 })).toEqual([])
    expect(await requestsOf(current().database, named('other'), { limit: 10 })).toHaveLength(1)
  })
})

describe('a sum', () => {
  const metrics = metricNames
  const sums = (over: Partial<UsageQuestion> = {}) => usageSums(current().database, { ...march, metrics, ...over })

  test('counts a call once however many attempts it took, and money beyond 2^53 to the nano-dollar', async () => {
    const { total, groups, source } = await sums()
    expect(total.values).toMatchObject({
      requests: 4,
      successes: 3,
      errors: 1,
      refused: 1,
      attempts: 4,
      fallbacks: 1,
      tokens_input: 106,
      tokens_cached: 40,
      tokens_cache_write: null,
      tokens_output: 20,
      tokens_reasoning: null,
      tokens_total: 126,
      cost_usd: 9_007_199_254_740_993n,
      charge_usd: 7n,
      unpriced_requests: 1,
      estimated_requests: 1,
      success_rate: 0.75,
      attempt_success_rate: 0.75,
      first_used: monday,
      last_used: monday + 2 * hourMs,
      latency_p95_ms: null,
    })
    expect({ groups, source }).toEqual({ groups: [], source: 'rollups' })
  })

  test('of nothing knows no tokens and no money', async () => {
    const { total } = await sums({ filters: [only('key', 'nobody')] })
    expect(total.values).toMatchObject({
      requests: 0,
      attempts: 0,
      tokens_total: null,
      cost_usd: null,
      success_rate: null,
    })
  })

  test('by day follows the time zone, and has the days on which nothing was', async () => {
    const daysIn = async (timeZone: string) =>
      (
        await sums({ interval: 'day', timeZone, from: monday - 24 * hourMs, to: monday + 24 * hourMs })
      ).total.points.map(({ requests }) => requests)
    expect(await daysIn('UTC')).toEqual([0, 1, 3])
    expect(await daysIn('Europe/Berlin')).toEqual([0, 4, 0])
    expect(await daysIn('America/Los_Angeles')).toEqual([0, 4, 0])
  })

  test('by model says null where no model is known, last', async () => {
    const { groups } = await sums({ groupBy: ['model'] })
    expect(groups.map(({ key, values }) => [...key, values.attempts])).toEqual([
      ['gpt', 2],
      ['odd', 1],
      [null, 1],
    ])
  })

  test('takes the start of its range in and leaves its end out', async () => {
    const { total } = await sums({ from: monday + hourMs, to: monday + 2 * hourMs })
    expect(total.values).toMatchObject({ requests: 1, tokens_input: 1 })
  })

  test('whose end is not before now goes to the end of the day, for nothing is there yet', async () => {
    const moment = { from: monday, to: monday + 1 }
    expect((await sums(moment)).total.values.requests).toBe(0)
    expect((await sums({ ...moment, now: monday })).total.values.requests).toBe(1)
  })

  test.each<[readonly Filter[], number]>([
    [[only('connection', 'b')], 1],
    [[only('success', 'false')], 2],
    [[only('status', 'refused')], 1],
    [[only('org', 'acme'), only('model', 'gpt')], 2],
    [[only('model', 'gpt', null)], 4],
    [[{ dimension: 'model', op: 'not_in', values: ['gpt'] }], 3],
    [[{ dimension: 'model', op: 'contains', values: ['D'] }], 1],
    [[only('org', "a'; DROP TABLE tollgate.usage; --")], 0],
  ])('of %o counts those rows alone', async (filters, count) => {
    const { total } = await sums({ filters: [only('key', 'dev'), ...filters] })
    expect(Number(total.values.attempts) + Number(total.values.refused)).toBe(count)
  })

  test('of an organisation holds nothing of another, whatever is asked', async () => {
    const { total } = await sums({ scope: { org: 'other' }, filters: [] })
    expect(total.values.requests).toBe(0)
  })

  test('refuses more intervals than a chart has', async () => {
    await expect(sums({ from: 1, interval: 'hour' })).rejects.toThrow(TooManyPoints)
  })
})

describe('following along', () => {
  // Rows are news a second after they arrived.
  async function arrivedBefore(ms: number): Promise<void> {
    await current().database.sql`UPDATE tollgate.usage SET inserted_at = inserted_at - ${`${ms} ms`}::text::interval`
  }

  test('shows the last rows first, then every later one once, though it began before those already seen', async () => {
    const { database } = current()
    const clock: Clock = { ...systemClock, now: () => now }
    const ledger = new UsageLedger(database, clock)
    const early = Array.from({ length: 5 }, (_, i) => rowAt(now - 10_000 + i, { key_id: 'news' }))
    await ledger.write(early.map(rowText))
    await arrivedBefore(5_000)
    const filter = { key: 'news' }
    const first = await tail(database, { filter, limit: 3 })
    expect(first.rows.map(({ id }) => id)).toEqual(early.slice(2).map(({ id }) => id))

    const late = Array.from({ length: 5 }, (_, i) => rowAt(now - 60_000 + i, { key_id: 'news' }))
    await ledger.write(late.map(rowText))
    expect((await tail(database, { after: first.cursor, filter })).rows).toEqual([])
    await arrivedBefore(1_500)
    // The cursor moves with the clock that the test has put back.
    const after = first.cursor && { ...first.cursor, insertedAt: await movedBack(first.cursor.insertedAt, 1_500) }
    const seen: string[] = []
    let cursor = after
    for (let page = 0; page < 4; page++) {
      const next = await tail(database, { after: cursor, filter, limit: 2 })
      seen.push(...next.rows.map(({ id }) => id))
      cursor = next.cursor
    }
    expect(seen).toEqual(late.map(({ id }) => id))
    await ledger.close()
  })

  async function movedBack(instant: string, ms: number): Promise<string> {
    const [row] = await current().database.sql<{ at: string }[]>`
      SELECT (${instant}::text::timestamptz - ${`${ms} ms`}::text::interval)::text AS at`
    return row?.at ?? ''
  }

  test('of an empty ledger has no cursor yet', async () => {
    expect(await tail(current().database, { filter: { key: 'silent' } })).toEqual({ rows: [], cursor: undefined })
  })
})
