import { publicId, timeOf, type Uuid } from '../domain/id.ts'
import { usdFromNano } from '../domain/money.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { type OwnAnswer, type OwnQuestion, type OwnSum, ownMetrics } from './own-usage.ts'
import type { Trail } from './trail.ts'

/** `null` is unknown; money is a decimal string. */
const orNull = <T>(value: T | undefined): T | null => value ?? null
const usdOrNull = (nano: number | bigint | undefined): string | null => (nano === undefined ? null : usdFromNano(nano))
const iso = (at: number): string => new Date(at).toISOString()

/** Sums of a range, of its intervals, and of what it is broken down by. Those of a breakdown add up to the totals. */
export function usageJson(
  key: string,
  { range, groupBy, interval }: OwnQuestion,
  { buckets, total, groups }: OwnAnswer,
) {
  const pointsJson = (points: readonly OwnSum[]) =>
    buckets.flatMap(({ from, to }, place) => {
      const sum = points[place]
      return sum ? [{ from: iso(from), to: iso(to), ...sumJson(sum) }] : []
    })
  const within = (points: readonly OwnSum[]) => interval && { points: pointsJson(points) }
  return {
    object: 'usage',
    key,
    range: { from: iso(range.from), to: iso(range.to), tz: range.timeZone, half_open: true },
    ...(interval && { interval }),
    totals: sumJson(total.sum),
    ...within(total.points),
    ...(groupBy && {
      group_by: groupBy,
      groups: groups.map(({ key: group, sum, points }) => ({ key: group, ...sumJson(sum), ...within(points) })),
    }),
  }
}

function sumJson(sum: OwnSum): Readonly<Record<keyof typeof ownMetrics, number | string | null>> {
  const told = Object.entries(ownMetrics).map(([name, metric]) => {
    const value = sum[metric]
    return [name, typeof value === 'bigint' ? usdFromNano(value) : value]
  })
  return Object.fromEntries(told)
}

/**
 * A call with its attempts. What it cost is the sum of what they did: unknown where one of them is, and until all are
 * there.
 */
export function requestJson(callId: Uuid, { rows, complete }: Trail) {
  const last = rows.at(-1)
  const refusal = last?.attempt === 0 ? last : undefined
  return {
    id: publicId('req', callId),
    object: 'request',
    created_at: iso(timeOf(callId)),
    endpoint: orNull(last?.endpoint),
    stream: orNull(last?.stream),
    requested_model: orNull(last?.requested_model),
    complete,
    status: complete ? orNull(last?.status) : 'in_progress',
    success: complete ? orNull(last?.success) : null,
    charge_usd: complete ? usdOrNull(chargeOf(rows)) : null,
    tracked: orNull(last?.tracked),
    attempts: rows.filter(({ attempt }) => attempt > 0).map(attemptJson),
    ...(refusal && { http_status: orNull(refusal.http_status), error: errorJson(refusal) }),
  }
}

/** A page of calls. `cursor` is where the next one begins; `null` where there is none. */
export function requestsJson(trails: readonly Trail[], cursor: string | undefined) {
  const data = trails.flatMap((trail) => (trail.rows[0] ? [requestJson(trail.rows[0].call_id, trail)] : []))
  return { object: 'list', data, has_more: cursor !== undefined, next_cursor: orNull(cursor) }
}

function chargeOf(rows: readonly UsageRow[]): number | undefined {
  let sum = 0
  for (const { charge_nano_usd: charge } of rows) {
    if (charge === undefined) return undefined
    sum += charge
  }
  return sum
}

function errorJson({ error_code: code, error_message: message }: UsageRow) {
  return code === undefined ? null : { code, message: orNull(message) }
}

function attemptJson(row: UsageRow) {
  return {
    attempt: row.attempt,
    started_at: iso(timeOf(row.id)),
    connection: orNull(row.connection_id),
    provider: orNull(row.provider),
    model: orNull(row.model),
    tracked: row.tracked,
    status: row.status,
    http_status: orNull(row.http_status),
    error: errorJson(row),
    finish_reason: orNull(row.finish_reason),
    service_tier: orNull(row.service_tier),
    usage: {
      source: row.usage_source,
      provisional: row.revision < 2,
      input_tokens: orNull(row.input_tokens),
      cached_input_tokens: orNull(row.cached_input_tokens),
      cache_write_tokens: orNull(row.cache_write_tokens),
      output_tokens: orNull(row.output_tokens),
      reasoning_tokens: orNull(row.reasoning_tokens),
      total_tokens: orNull(row.total_tokens),
      parts: row.parts ?? {},
    },
    cost_usd: usdOrNull(row.cost_nano_usd),
    charge_usd: usdOrNull(row.charge_nano_usd),
    provider_cost_usd: usdOrNull(row.provider_cost_nano_usd),
    price_status: orNull(row.price_status),
    price_version_id: orNull(row.price_version_id),
    flags: row.flags ?? [],
    response_time_ms: orNull(row.response_time_ms),
    first_token_ms: orNull(row.first_token_ms),
    overhead_ms: orNull(row.overhead_ms),
  }
}
