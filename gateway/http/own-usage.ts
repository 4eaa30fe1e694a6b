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
  usage(key: OwnKey, range: Range, groupBy: OwnGrouping | undefined): Promise<readonly OwnUsageSum[]>
}

export const ownGroupings = ['day', 'model', 'requested_model', 'provider', 'connection', 'feature', 'user'] as const
export type OwnGrouping = (typeof ownGroupings)[number]

/** Sums as the ledger makes them; an absent one is unknown. */
export interface OwnUsageSum {
  readonly group?: string | null
  readonly requests: number
  readonly successes: number
  readonly refused: number
  readonly inputTokens: number | undefined
  readonly cachedInputTokens: number | undefined
  readonly cacheWriteTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly reasoningTokens: number | undefined
  readonly totalTokens: number | undefined
  readonly costNanoUsd: bigint | undefined
  readonly chargeNanoUsd: bigint | undefined
  readonly unpriced: number
  readonly estimated: number
}
