import type { Uuid } from '../domain/id.ts'
import type { Key } from '../domain/key.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { Range } from './range.ts'

/** The key that asks, and whose it is. */
export type OwnKey = Pick<Key, 'id' | 'org'>

/** What the ledger can tell a key about itself. */
export interface OwnUsage {
  request(key: OwnKey, callId: Uuid): Promise<readonly UsageRow[]>
  /** A page of the key's calls, newest first, each with its rows; `before` is the first row of the last one before it. */
  requests(
    key: OwnKey,
    page: { readonly limit: number; readonly before?: Uuid | undefined },
  ): Promise<readonly (readonly UsageRow[])[]>
  /** Throws a `Fault` where the answer would be too long to be of use. */
  usage(key: OwnKey, question: OwnQuestion): Promise<OwnAnswer>
}

export const ownGroupings = ['day', 'model', 'requested_model', 'provider', 'connection', 'feature', 'user'] as const
export type OwnGrouping = (typeof ownGroupings)[number]

export const ownIntervals = ['15m', 'hour', 'day', 'week', 'month'] as const
export type OwnInterval = (typeof ownIntervals)[number]

export interface OwnQuestion {
  readonly range: Range
  readonly groupBy?: OwnGrouping | undefined
  readonly interval?: OwnInterval | undefined
}

/** What a key is told: the name in the answer, and what the ledger calls it. */
export const ownMetrics = {
  requests: 'requests',
  successes: 'successes',
  refused: 'refused',
  input_tokens: 'tokens_input',
  cached_input_tokens: 'tokens_cached',
  cache_write_tokens: 'tokens_cache_write',
  output_tokens: 'tokens_output',
  reasoning_tokens: 'tokens_reasoning',
  total_tokens: 'tokens_total',
  cost_usd: 'cost_usd',
  charge_usd: 'charge_usd',
  unpriced_requests: 'unpriced_requests',
  estimated_requests: 'estimated_requests',
} as const
export type OwnMetric = (typeof ownMetrics)[keyof typeof ownMetrics]

/** Money is `bigint`, in nano-dollars; `null` is unknown. */
export type OwnSum = Readonly<Record<OwnMetric, number | bigint | null>>

export interface OwnGroup {
  /** `null` where the rows have none. */
  readonly key: string | null
  readonly sum: OwnSum
  readonly points: readonly OwnSum[]
}

/** A total and what it is made of; the points are those of the buckets. */
export interface OwnAnswer {
  readonly buckets: readonly { readonly from: number; readonly to: number }[]
  readonly total: Omit<OwnGroup, 'key'>
  readonly groups: readonly OwnGroup[]
}
