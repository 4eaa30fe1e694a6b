import { timeOf } from '../domain/id.ts'
import { usdFromNano } from '../domain/money.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { OwnGrouping, OwnUsageSum } from './own-usage.ts'
import type { Range } from './range.ts'

/** `null` is unknown; money is a decimal string. */
const orNull = <T>(value: T | undefined): T | null => value ?? null
const usdOrNull = (nano: number | bigint | undefined): string | null => (nano === undefined ? null : usdFromNano(nano))
const iso = (at: number): string => new Date(at).toISOString()

export function usageJson(
  key: string,
  range: Range,
  total: OwnUsageSum | undefined,
  groupBy: OwnGrouping | undefined,
  groups: readonly OwnUsageSum[] | undefined,
) {
  return {
    object: 'usage',
    key,
    range: { from: iso(range.from), to: iso(range.to), tz: range.timeZone, half_open: true },
    totals: total ? sumJson(total) : null,
    ...(groupBy &&
      groups && { group_by: groupBy, groups: groups.map((sum) => ({ key: orNull(sum.group), ...sumJson(sum) })) }),
  }
}

function sumJson(sum: OwnUsageSum) {
  return {
    requests: sum.requests,
    successes: sum.successes,
    refused: sum.refused,
    input_tokens: orNull(sum.inputTokens),
    cached_input_tokens: orNull(sum.cachedInputTokens),
    cache_write_tokens: orNull(sum.cacheWriteTokens),
    output_tokens: orNull(sum.outputTokens),
    reasoning_tokens: orNull(sum.reasoningTokens),
    total_tokens: orNull(sum.totalTokens),
    cost_usd: usdOrNull(sum.costNanoUsd),
    charge_usd: usdOrNull(sum.chargeNanoUsd),
    unpriced_requests: sum.unpriced,
    estimated_requests: sum.estimated,
  }
}

/** A call with its attempts. What the call cost is the sum of what they did; unknown where one of them is unknown. */
export function requestJson(id: string, rows: readonly UsageRow[]) {
  const last = rows.at(-1)
  const charges = rows.map(({ charge_nano_usd: charge }) => charge)
  const charge = charges.some((each) => each === undefined)
    ? undefined
    : charges.reduce<number>((sum, each) => sum + (each ?? 0), 0)
  return {
    id,
    object: 'request',
    created_at: last ? iso(timeOf(last.call_id)) : null,
    endpoint: orNull(last?.endpoint),
    stream: orNull(last?.stream),
    requested_model: orNull(last?.requested_model),
    status: orNull(last?.status),
    success: orNull(last?.success),
    charge_usd: usdOrNull(charge),
    attempts: rows.filter(({ attempt }) => attempt > 0).map(attemptJson),
    ...(last?.attempt === 0 && { error: { code: orNull(last.error_code), message: orNull(last.error_message) } }),
  }
}

function attemptJson(row: UsageRow) {
  return {
    attempt: row.attempt,
    connection: orNull(row.connection_id),
    provider: orNull(row.provider),
    model: orNull(row.model),
    status: row.status,
    http_status: orNull(row.http_status),
    error: row.error_code === undefined ? null : { code: row.error_code, message: orNull(row.error_message) },
    finish_reason: orNull(row.finish_reason),
    service_tier: orNull(row.service_tier),
    usage: {
      source: row.usage_source,
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
