import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../domain/clock.ts'
import { uuidV7 } from '../../domain/id.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { type RowStatus, rowText, type UsageRow } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { everyOrg } from '../roles.ts'
import { UsageLedger } from '../usage.ts'
import type { Dimension } from './dimensions.ts'
import type { Filter } from './filters.ts'
import { stepWidth } from './histogram.ts'
import { type Metric, metricNames, ruleOf, type Value } from './metrics.ts'
import { type Interval, intervals } from './time-buckets.ts'
import { type UsageQuestion, usageSums } from './usage-sums.ts'

/** The long form is for releases: `TOLLGATE_TORTURE=1`. */
const torture = process.env['TOLLGATE_TORTURE'] === '1'
const lastsMs = torture ? 330_000 : 20_000

const current = testDatabase()
const now = Date.UTC(2026, 10, 22, 13, 37)
const clock: Clock = { ...systemClock, now: () => now }
const hourMs = 3_600_000

let ledger: UsageLedger
beforeAll(() => {
  ledger = new UsageLedger(current().database, clock)
  return () => ledger.close()
})

/** Days on which somebody's clock changes, or the year does. */
const hinges = [
  '2026-01-01T00:00:00Z', // New Year
  '2026-03-08T07:00:00Z', // St. John's and New York go forward
  '2026-03-29T01:00:00Z', // Berlin goes forward
  '2026-04-04T15:00:00Z', // Lord Howe goes back by half an hour
  '2026-04-05T04:00:00Z', // Santiago goes back from midnight
  '2026-10-03T15:30:00Z', // Lord Howe goes forward
  '2026-10-25T01:00:00Z', // Berlin goes back
].map((text) => Date.parse(text))

const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Los_Angeles',
  'America/St_Johns',
  'America/Santiago',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Asia/Tokyo',
  'Australia/Eucla',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
  'Pacific/Pago_Pago',
] as const

const label = fc.constantFrom(
  undefined,
  undefined,
  'a',
  'b',
  '',
  'NULL',
  `O'Br"ien`,
  'back\\slash,()',
  '😀',
  'Ünï',
  '%_',
)
const time = fc
  .tuple(fc.constantFrom(...hinges), fc.integer({ min: -40 * 4, max: 40 * 4 }), fc.constantFrom(0, 0, -1, 1, 433_219))
  .map(([hinge, quarters, ms]) => hinge + quarters * 900_000 + ms)
const tokens = fc.option(fc.oneof(fc.constant(0), fc.nat(5_000), fc.constant(1_000_000_000)), { nil: undefined })
const nano = fc.option(fc.oneof(fc.constant(0), fc.nat(9_000_000), fc.constant(9_007_199_254_740_991)), {
  nil: undefined,
})
const took = fc.option(
  fc.oneof(
    fc.constant(0),
    fc.double({ min: 0, max: 5_000, noNaN: true }),
    fc.double({ min: 0, max: 2e7, noNaN: true }),
  ),
  { nil: undefined },
)

/** An attempt (or a refusal, or several folded) with whatever a row can say. */
const row: fc.Arbitrary<UsageRow> = fc
  .record({
    at: time,
    status: fc.constantFrom<RowStatus[]>(
      'complete',
      'complete',
      'client_closed',
      'truncated',
      'cut',
      'failed',
      'orphan',
      'refused',
    ),
    attempt: fc.integer({ min: 1, max: 3 }),
    calls: fc.nat(3),
    org_id: fc.constantFrom('acme', 'other'),
    key_id: fc.constantFrom('dev', 'k"2', 'key-3'),
    requested_model: fc.constantFrom('fast', 'slow'),
    stream: fc.boolean(),
    usage_source: fc.constantFrom('provider', 'provider_partial', 'counted', 'none'),
    price_status: fc.constantFrom('exact', 'default', 'free', 'missing', undefined),
    labels: fc.record({
      user_id: label,
      connection_id: label,
      provider: label,
      model: label,
      feature: label,
      agent_id: label,
      agent_name: label,
      framework: label,
      request_type: label,
      error_code: fc.oneof(label, fc.constantFrom('model_not_found', 'model_not_allowed')),
      session_id: label,
      group_name: label,
    }),
    team: fc.option(label, { nil: undefined }),
    usage: fc.record({
      input_tokens: tokens,
      cached_input_tokens: tokens,
      cache_write_tokens: tokens,
      output_tokens: tokens,
      reasoning_tokens: tokens,
    }),
    money: fc.record({
      cost_nano_usd: nano,
      charge_nano_usd: nano,
      overrun_nano_usd: nano,
      provider_cost_nano_usd: nano,
    }),
    times: fc.record({ response_time_ms: took, first_token_ms: took, overhead_ms: took }),
  })
  .map(({ at, status, attempt, calls, labels, usage, money, times, team, ...rest }) => {
    const refused = status === 'refused'
    return rowAt(at, {
      ...rest,
      ...labels,
      ...usage,
      ...money,
      ...times,
      status,
      success: status === 'complete',
      attempt: refused ? 0 : attempt,
      calls: refused ? calls + 1 : Math.min(calls, 1),
      ...(team === undefined ? {} : { metadata: { team } }),
    } as Partial<UsageRow>)
  })

const names: readonly Dimension[] = [
  'org',
  'key',
  'user',
  'connection',
  'provider',
  'model',
  'requested_model',
  'feature',
  'agent',
  'agent_name',
  'framework',
  'request_type',
  'stream',
  'usage_source',
  'status',
  'success',
  'error_code',
  'session',
  'group',
  'metadata.team',
]

/** The columns as the test has them: written anew, so that a slip in the table of dimensions is seen. */
const columnsByName: Readonly<Record<string, string>> = {
  org: 'org_id',
  key: 'key_id',
  user: 'user_id',
  connection: 'connection_id',
  agent: 'agent_id',
  requested_model: `CASE WHEN attempt = 0 AND error_code IN ('model_not_found', 'model_not_allowed')
    THEN '(other)' ELSE requested_model END`,
  stream: 'stream::text',
  success: 'success::text',
  session: 'session_id',
  group: 'group_name',
  'metadata.team': "metadata->>'team'",
}
const columnOf = (dimension: Dimension) => `(${columnsByName[dimension] ?? dimension})`

const value = fc.option(
  fc.constantFrom(
    'a',
    'b',
    '',
    'dev',
    'acme',
    'fast',
    '(other)',
    `O'Br"ien`,
    '😀',
    'complete',
    'refused',
    'true',
    'provider',
  ),
)
const filter: fc.Arbitrary<Filter> = fc.record({
  dimension: fc.constantFrom(...names),
  op: fc.constantFrom('in', 'not_in', 'contains', 'not_contains'),
  values: fc.array(value, { minLength: 1, maxLength: 3 }),
})

const oracles = {
  requests: 'coalesce(sum(calls), 0)',
  successes: 'count(*) FILTER (WHERE success)',
  errors: 'coalesce(sum(calls), 0) - count(*) FILTER (WHERE success)',
  refused: "coalesce(sum(calls) FILTER (WHERE status = 'refused'), 0)",
  attempts: 'count(*) FILTER (WHERE attempt > 0)',
  fallbacks: 'count(*) FILTER (WHERE attempt > 1 AND calls > 0)',
  unpriced_requests: "count(*) FILTER (WHERE price_status = 'missing')",
  estimated_requests: "count(*) FILTER (WHERE usage_source IN ('counted', 'provider_partial'))",
  tokens_input: 'sum(input_tokens)',
  tokens_cached: 'sum(cached_input_tokens)',
  tokens_cache_write: 'sum(cache_write_tokens)',
  tokens_output: 'sum(output_tokens)',
  tokens_reasoning: 'sum(reasoning_tokens)',
  tokens_total: 'sum(total_tokens)',
  cost_usd: 'sum(cost_nano_usd)',
  charge_usd: 'sum(charge_nano_usd)',
  overrun_usd: 'coalesce(sum(overrun_nano_usd), 0)',
  provider_cost_usd: 'sum(provider_cost_nano_usd)',
  drift_usd: 'sum(provider_cost_nano_usd - cost_nano_usd)',
  active_users: 'count(DISTINCT (org_id, user_id)) FILTER (WHERE user_id IS NOT NULL)',
  latency_avg_ms: 'avg(round(response_time_ms))',
  latency_p50_ms: 'percentile_disc(0.5) WITHIN GROUP (ORDER BY response_time_ms)',
  latency_p95_ms: 'percentile_disc(0.95) WITHIN GROUP (ORDER BY response_time_ms)',
  latency_p99_ms: 'percentile_disc(0.99) WITHIN GROUP (ORDER BY response_time_ms)',
  ttft_avg_ms: 'avg(round(first_token_ms))',
  ttft_p50_ms: 'percentile_disc(0.5) WITHIN GROUP (ORDER BY first_token_ms)',
  ttft_p95_ms: 'percentile_disc(0.95) WITHIN GROUP (ORDER BY first_token_ms)',
  ttft_p99_ms: 'percentile_disc(0.99) WITHIN GROUP (ORDER BY first_token_ms)',
  overhead_avg_ms: 'avg(round(overhead_ms * 1000)) / 1000',
  output_tps: `sum(output_tokens) FILTER (WHERE first_token_ms < response_time_ms) * 1000.0
    / nullif(sum(round(response_time_ms - first_token_ms)::bigint) FILTER (WHERE first_token_ms < response_time_ms AND output_tokens IS NOT NULL), 0)`,
  success_rate: 'count(*) FILTER (WHERE success) * 1.0 / nullif(sum(calls), 0)',
  first_used: 'extract(epoch FROM min(started_at)) * 1000',
  last_used: 'extract(epoch FROM max(started_at)) * 1000',
} as const satisfies Partial<Record<Metric, string>>
type Known = keyof typeof oracles
const known = Object.keys(oracles) as readonly Known[]
const additive = known.filter(
  (metric) => ruleOf(metric).unit !== 'ms' && !/users|tps|rate|used/.test(metric),
) satisfies readonly Metric[]

interface Ask extends Pick<UsageQuestion, 'from' | 'to'> {
  readonly timeZone: string
  readonly interval: Interval | undefined
  readonly groupBy: readonly Dimension[]
  readonly filters: readonly Filter[]
  readonly weekStart: number
  readonly metrics: readonly Metric[]
}

const ask: fc.Arbitrary<Ask> = fc
  .record({
    ends: fc.tuple(time, fc.oneof(time, fc.constant(now), fc.constant(now + hourMs))),
    timeZone: fc.constantFrom(...zones),
    interval: fc.option(fc.constantFrom(...intervals), { nil: undefined }),
    groupBy: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 }),
    filters: fc.oneof(fc.constant([]), fc.array(filter, { maxLength: 2 })),
    weekStart: fc.constantFrom(1, 7),
    metrics: fc.oneof(fc.constant(metricNames), fc.constant(additive)),
  })
  .filter(
    ({ ends: [a, b], interval }) => a !== b && (!/15m|hour/.test(interval ?? '') || Math.abs(a - b) < 20 * 24 * hourMs),
  )
  .map(({ ends: [a, b], ...rest }) => ({ ...rest, from: Math.min(a, b), to: Math.max(a, b) }))

/** The same question, put to the rows alone and in so many words. */
async function asked(question: Ask, groupBy: readonly Dimension[], bucketed: boolean) {
  const { from, timeZone, interval, filters, weekStart } = question
  const parameters: string[] = []
  const literal = (text: string) => `$${parameters.push(text)}::text`
  const whole = !bucketed || interval === undefined
  const local = whole ? '' : `(started_at AT TIME ZONE ${literal(timeZone)})`
  const bucket =
    interval === '15m'
      ? `date_bin('15 minutes', ${local}, '2001-01-01')`
      : interval === 'week' && weekStart === 7
        ? `date_trunc('week', ${local} + interval '1 day') - interval '1 day'`
        : `date_trunc('${interval}', ${local})`
  const keys = [whole ? "''" : `to_char(${bucket}, 'YYYY-MM-DD"T"HH24:MI')`, ...groupBy.map(columnOf)]
  const conditions = filters.map(({ dimension, op, values }) => {
    const column = columnOf(dimension)
    const ways = values.map((each) => {
      if (each === null) return `${column} IS NULL`
      return op.endsWith('in')
        ? `coalesce(${column} = ${literal(each)}, false)`
        : `coalesce(position(lower(${literal(each)}) IN lower(${column})) > 0, false)`
    })
    return `${op.startsWith('not') ? 'NOT' : ''} (${ways.join(' OR ')})`
  })
  const rows = await current().database.sql.unsafe<Record<string, unknown>[]>(
    `SELECT ${keys.map((key, i) => `${key} AS k${i}`).join(', ')}, ${known.map((name) => `(${oracles[name]})::text AS ${name}`).join(', ')}
     FROM tollgate.usage
     WHERE started_at >= '${new Date(from).toISOString()}'
       AND started_at < '${question.to < now ? new Date(question.to).toISOString() : 'infinity'}'
       ${conditions.map((condition) => `AND ${condition}`).join(' ')}
     GROUP BY ${keys.map((_, i) => i + 1).join(', ')}`,
    parameters,
  )
  return new Map(
    rows.map((found) => [
      JSON.stringify(keys.map((_, i) => found[`k${i}`] ?? null)),
      Object.fromEntries(known.map((name) => [name, read(name, found[name])])) as Record<Known, Value>,
    ]),
  )
}

function read(name: Known, text: unknown): Value {
  if (typeof text !== 'string') return null
  return ruleOf(name).unit === 'nano_usd' ? BigInt(text) : Number(text)
}

/** The beginning of the interval that an instant is in, by the clock of its zone. */
function localStart(at: number, { timeZone, interval, weekStart }: Ask): string {
  const here = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone).toPlainDateTime()
  if (interval === '15m' || interval === 'hour') {
    const minute = interval === 'hour' ? 0 : here.minute - (here.minute % 15)
    return here.with({ minute, second: 0, millisecond: 0 }).toString({ smallestUnit: 'minute' })
  }
  const date = here.toPlainDate()
  const first =
    interval === 'month'
      ? date.with({ day: 1 })
      : interval === 'week'
        ? date.subtract({ days: (date.dayOfWeek - weekStart + 7) % 7 })
        : date
  return `${first}T00:00`
}

function plus(a: Value | undefined, b: Value): Value {
  if (a === undefined || a === null) return b
  if (b === null) return a
  return typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b)
}

/** Near enough to be the same number; a percentile has the room that a step of its histogram has. */
function agrees(name: Known, ours: Value, theirs: Value): boolean {
  if (ours === null || theirs === null || typeof ours === 'bigint') return ours === theirs
  const exact = Number(theirs)
  // Sums of times remember rows that are gone.
  if (name === 'first_used') return ours <= exact
  if (name === 'last_used') return ours >= exact
  if (/_p\d\d_ms$/.test(name))
    return Math.abs(ours - exact) <= Math.max(exact * stepWidth, exact < 1 ? 1 : 0) * (1 + 1e-9)
  if (Number.isInteger(exact) && !/avg|tps|rate/.test(name)) return ours === exact
  return Math.abs(ours - exact) <= Math.abs(exact) * 1e-9
}

let questions = 0
let numbers = 0

function compare(
  metrics: readonly Metric[],
  ours: Readonly<Record<Metric, Value>>,
  theirs: Record<Known, Value> | undefined,
): void {
  for (const name of known) {
    if (!metrics.includes(name)) continue
    const exact = theirs ? theirs[name] : ruleOf(name).unit === 'count' || name === 'overrun_usd' ? zeroOf(name) : null
    numbers++
    if (!agrees(name, ours[name], exact)) expect({ [name]: ours[name] }).toEqual({ [name]: exact })
  }
}

const zeroOf = (name: Known): Value => (name === 'overrun_usd' ? 0n : name.startsWith('tokens_') ? null : 0)

async function check(question: Ask): Promise<void> {
  questions++
  const { groupBy, metrics } = question
  const answer = await usageSums(current().database, { scope: everyOrg, now, ...question })
  const { total, groups, buckets } = answer
  compare(metrics, total.values, (await asked(question, [], false)).get('[""]'))

  const byGroup = await asked(question, groupBy, false)
  const shown = groupBy.length === 0 ? [total] : groups
  if (groupBy.length > 0)
    expect(groups.map(({ key }) => JSON.stringify(['', ...key])).sort()).toEqual([...byGroup.keys()].sort())
  for (const { key, values } of shown) compare(metrics, values, byGroup.get(JSON.stringify(['', ...key])))

  // An hour that the clock shows twice is two of ours.
  const byPoint = await asked(question, groupBy, true)
  for (const { key, values, points } of shown) {
    const merged = new Map<string, Record<Metric, Value>>()
    for (const [place, point] of points.entries()) {
      const start = question.interval === undefined ? '' : localStart(buckets[place]?.from ?? 0, question)
      const before = merged.get(start)
      merged.set(
        start,
        Object.fromEntries(metrics.map((name) => [name, plus(before?.[name], point[name])])) as Record<Metric, Value>,
      )
    }
    for (const [start, point] of merged) compare(additive, point, byPoint.get(JSON.stringify([start, ...key])))
    for (const name of additive)
      expect(points.reduce((sum: Value, point) => plus(sum, point[name]), null)).toEqual(values[name])
  }
  for (const name of additive) {
    if (groups.length > 0)
      expect(groups.reduce((sum: Value, { values }) => plus(sum, values[name]), null)).toEqual(total.values[name])
  }
}

/** What happens to rows: written in batches and again, as earlier revisions too; corrected; removed. */
interface Traffic {
  readonly rows: readonly UsageRow[]
  readonly batches: readonly (readonly (readonly [row: number, revision: 0 | 1 | 2])[])[]
  readonly changed: readonly number[]
  readonly removed: readonly number[]
}

const traffic: fc.Arbitrary<Traffic> = fc.array(row, { minLength: 1, maxLength: 80, size: 'max' }).chain((rows) => {
  const place = fc.nat(rows.length - 1)
  return fc.record({
    rows: fc.constant(rows),
    batches: fc.array(
      fc.array(fc.tuple(place, fc.constantFrom<(0 | 1 | 2)[]>(0, 1, 2, 2)), { minLength: 1, maxLength: 40 }),
      { minLength: 1, maxLength: 6 },
    ),
    changed: fc.array(place, { maxLength: 5 }),
    removed: fc.array(place, { maxLength: 5 }),
  })
})

/** A row as it was known earlier: an orphan, then with counts of our own. */
function atRevision(whole: UsageRow, revision: 0 | 1 | 2): UsageRow {
  if (revision === 2) return whole
  if (revision === 1) return { ...whole, revision, usage_source: 'counted' }
  const { org_id, key_id, user_id, model, requested_model, stream, call_id, attempt, calls } = whole
  const opened = { org_id, key_id, user_id, model, requested_model, stream, call_id, attempt, calls }
  return { ...rowAt(now), ...opened, id: whole.id, revision, status: 'orphan', success: false }
}

async function happen({ rows, batches, changed, removed }: Traffic): Promise<void> {
  const { sql } = current().database
  await sql`DELETE FROM tollgate.usage`
  for (const batch of batches) {
    const sent = batch.flatMap(([place, revision]) => (rows[place] ? [rowText(atRevision(rows[place], revision))] : []))
    expect(await ledger.store(sent)).toEqual([])
  }
  const ids = (places: readonly number[]) => places.map((place) => rows[place]?.id ?? uuidV7(now))
  if (changed.length > 0) {
    await sql`UPDATE tollgate.usage SET cost_nano_usd = coalesce(cost_nano_usd, 0) + 5, charge_nano_usd = NULL, model = 'other',
      response_time_ms = 17 WHERE id IN ${sql(ids(changed))}`
  }
  if (removed.length > 0) await sql`DELETE FROM tollgate.usage WHERE id IN ${sql(ids(removed))}`
}

describe('sums', () => {
  test('of any traffic, filter, grouping, interval and zone are those of the rows, and of their parts', {
    timeout: lastsMs + 60_000,
  }, async ({ annotate }) => {
    let rows = 0
    const one = async (given: Traffic, asks: readonly Ask[]) => {
      rows += given.rows.length
      await happen(given)
      for (const each of asks) await check(each)
    }
    let last = Promise.resolve()
    await fc.assert(
      fc.asyncProperty(traffic, fc.array(ask, { minLength: 6, maxLength: 10 }), (given, asks) => {
        last = one(given, asks)
        return last
      }),
      { numRuns: 1_000_000, interruptAfterTimeLimit: lastsMs, ...(torture ? {} : { seed: 7 }) },
    )
    // The clock interrupts the last one, and it goes on.
    await last
    expect(questions).toBeGreaterThan(20)
    if (torture) await annotate(`${questions} questions about ${rows} rows: ${numbers} numbers compared`)
  })
})

describe('a range', () => {
  const day = {
    scope: { org: 'ranged' },
    metrics: ['requests'] as const,
    interval: 'day' as const,
    timeZone: 'Europe/Berlin',
  }

  test('ends with the interval that its end lies in, and begins, where it is all there is, with the first day', async () => {
    const first = Date.UTC(2026, 10, 20, 9)
    await ledger.write([first, now - hourMs].map((at) => rowText(rowAt(at, { org_id: 'ranged' }))))
    const all = await usageSums(current().database, { ...day, from: 0, to: now, now })
    const told = all.buckets.map(({ from, to }) => [new Date(from).toISOString(), new Date(to).toISOString()])
    expect(told).toEqual([
      ['2026-11-20T00:00:00.000Z', '2026-11-20T23:00:00.000Z'],
      ['2026-11-20T23:00:00.000Z', '2026-11-21T23:00:00.000Z'],
      ['2026-11-21T23:00:00.000Z', '2026-11-22T13:37:00.000Z'],
    ])
    expect(all.total.points.map(({ requests }) => requests)).toEqual([1, 0, 1])
  })

  test('of all there is where nothing is, is today', async () => {
    const { buckets, total } = await usageSums(current().database, {
      ...day,
      scope: { org: 'nobody' },
      from: 0,
      to: now,
      now,
    })
    expect(buckets.map(({ from }) => new Date(from).toISOString())).toEqual(['2026-11-22T00:00:00.000Z'])
    expect(total.values.requests).toBe(0)
  })
})
