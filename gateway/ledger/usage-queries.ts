import type { Database } from './database.ts'
import { type Fragment, type Reader, reading } from './reading.ts'
import type { Scope } from './roles.ts'
import { type UsageFilter, where } from './usage-filter.ts'

/** By what a sum may be broken down. */
export const groupings = [
  'day',
  'model',
  'requested_model',
  'provider',
  'connection',
  'feature',
  'user',
  'key',
] as const
export type Grouping = (typeof groupings)[number]

export interface UsageQuestion {
  readonly scope: Scope
  readonly filter: UsageFilter
  /** Milliseconds since the epoch; from the first on, up to before the second. */
  readonly from: number
  readonly to: number
  readonly groupBy?: Grouping
  /** Where days begin: an IANA name. */
  readonly timeZone?: string
}

/**
 * Sums over attempts. Those of a breakdown add up to the total: a call is counted once, where its last attempt (or its
 * refusal) is. `undefined` is unknown: nothing among the rows said it.
 */
export interface UsageSum {
  /** The day as `2026-11-22`, or the name; `null` where the rows have none. Missing without a grouping. */
  readonly group?: string | null
  /** Calls, refused ones included. */
  readonly requests: number
  readonly successes: number
  readonly refused: number
  /** What went upstream: one a call, and one more for each failover. */
  readonly attempts: number
  readonly inputTokens: number | undefined
  readonly cachedInputTokens: number | undefined
  readonly cacheWriteTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly reasoningTokens: number | undefined
  readonly totalTokens: number | undefined
  /** Price book × usage, in nano-dollars. */
  readonly costNanoUsd: bigint | undefined
  /** What budgets count. */
  readonly chargeNanoUsd: bigint | undefined
  /** Attempts with usage that no price was found for: their money is in no sum. */
  readonly unpriced: number
  /** Attempts whose usage we counted, in whole or in part, because the provider did not state it. */
  readonly estimated: number
}

interface SumRow {
  readonly group: string | null
  readonly requests: bigint
  readonly successes: bigint
  readonly refused: bigint
  readonly attempts: bigint
  readonly input: string | null
  readonly cached: string | null
  readonly written: string | null
  readonly output: string | null
  readonly reasoning: string | null
  readonly total: string | null
  readonly cost: string | null
  readonly charge: string | null
  readonly unpriced: bigint
  readonly estimated: bigint
}

/** One sum a group, in the order of the groups; without a grouping, exactly one. */
export async function usageOf(database: Database, question: UsageQuestion): Promise<readonly UsageSum[]> {
  const { scope, filter, from, to, groupBy } = question
  return reading(database, scope, async (sql) => {
    const group = groupBy === undefined ? sql`NULL::text` : groupedBy(sql, groupBy, question.timeZone ?? 'UTC')
    const rows = await sql<SumRow[]>`
      SELECT ${group} AS "group",
        coalesce(sum(calls), 0)::bigint AS requests,
        count(*) FILTER (WHERE success) AS successes,
        coalesce(sum(calls) FILTER (WHERE status = 'refused'), 0)::bigint AS refused,
        count(*) FILTER (WHERE attempt > 0) AS attempts,
        sum(input_tokens) AS input, sum(cached_input_tokens) AS cached, sum(cache_write_tokens) AS written,
        sum(output_tokens) AS output, sum(reasoning_tokens) AS reasoning, sum(total_tokens) AS total,
        sum(cost_nano_usd) AS cost, sum(charge_nano_usd) AS charge,
        count(*) FILTER (WHERE price_status = 'missing') AS unpriced,
        count(*) FILTER (WHERE usage_source IN ('counted', 'provider_partial')) AS estimated
      FROM tollgate.usage
      WHERE started_at >= ${new Date(from)} AND started_at < ${new Date(to)} ${where(sql, filter)}
      ${groupBy === undefined ? sql`` : sql`GROUP BY 1 ORDER BY 1 NULLS LAST`}
    `
    return rows.map((row) => sumOf(row, groupBy !== undefined))
  })
}

const groupColumns = {
  model: 'model',
  requested_model: 'requested_model',
  provider: 'provider',
  connection: 'connection_id',
  feature: 'feature',
  user: 'user_id',
  key: 'key_id',
} as const satisfies Record<Exclude<Grouping, 'day'>, string>

function groupedBy(sql: Reader, grouping: Grouping, timeZone: string): Fragment {
  if (grouping === 'day') return sql`to_char(started_at AT TIME ZONE ${timeZone}::text, 'YYYY-MM-DD')`
  return sql`${sql(groupColumns[grouping])}`
}

function sumOf(row: SumRow, grouped: boolean): UsageSum {
  return {
    ...(grouped ? { group: row.group } : {}),
    requests: Number(row.requests),
    successes: Number(row.successes),
    refused: Number(row.refused),
    attempts: Number(row.attempts),
    inputTokens: known(row.input, Number),
    cachedInputTokens: known(row.cached, Number),
    cacheWriteTokens: known(row.written, Number),
    outputTokens: known(row.output, Number),
    reasoningTokens: known(row.reasoning, Number),
    totalTokens: known(row.total, Number),
    costNanoUsd: known(row.cost, BigInt),
    chargeNanoUsd: known(row.charge, BigInt),
    unpriced: Number(row.unpriced),
    estimated: Number(row.estimated),
  }
}

// Sums of bigint are numeric in PostgreSQL, and come as text.
function known<T>(sum: string | null, read: (digits: string) => T): T | undefined {
  return sum === null ? undefined : read(sum)
}
