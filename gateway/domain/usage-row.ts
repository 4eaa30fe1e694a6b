import type { Uuid } from './id.ts'
import type { Part, UsageSource } from './usage.ts'

export type RowStatus = 'complete' | 'client_closed' | 'truncated' | 'cut' | 'failed' | 'orphan' | 'refused'

export type RowFlag = 'usage_invalid' | 'maybe_billed' | 'limit_local' | 'overrun' | 'default_price' | 'clamped'

export type PriceStatus = 'exact' | 'alias' | 'default' | 'free' | 'missing'

/** A place where a row's charge is summed up: as columns of `tollgate.budget_spend`. */
export interface BudgetShare {
  /** The budget's id. */
  readonly budget: string
  /** Whose money: a hash of the subject, so that sums outlive a purge without naming anybody. */
  readonly subject: string
  /** The window that the attempt began in: `2026-11`. */
  readonly window: string
}

/**
 * One attempt of a call (or its refusal, `attempt` 0) as the journal carries it and the ledger stores it. Member names
 * are the columns of `tollgate.usage`, so a row goes from the journal's line into SQL as it is. An absent or undefined member
 * is NULL.
 */
export interface UsageRow {
  /** UUIDv7 of the attempt: the ledger's `started_at` is the time it carries. */
  readonly id: Uuid
  readonly call_id: Uuid
  readonly attempt: number
  /** How many calls the row stands for: 1 for a call's last attempt, 0 for those before it, n for n folded refusals. */
  readonly calls: number
  /** Budgets that the charge counts against. */
  readonly budgets?: readonly BudgetShare[] | undefined
  /**
   * A row replaces one of the same id and a lower revision, and nothing else, so replays are harmless:
   * 0 what a restart could reconstruct of a lost call, 1 with counts estimated by bytes, 2 final.
   */
  readonly revision: 0 | 1 | 2
  readonly org_id: string
  readonly key_id: string
  readonly user_id?: string | undefined
  readonly feature?: string | undefined
  readonly agent_id?: string | undefined
  readonly agent_name?: string | undefined
  readonly framework?: string | undefined
  readonly request_type?: string | undefined
  readonly session_id?: string | undefined
  readonly group_name?: string | undefined
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
  readonly dialect: string
  readonly endpoint: string
  readonly stream: boolean
  readonly requested_model: string
  readonly connection_id?: string | undefined
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly service_tier?: string | undefined
  /** Inclusive totals: input with cached and written, output with reasoning. */
  readonly input_tokens?: number | undefined
  readonly cached_input_tokens?: number | undefined
  readonly cache_write_tokens?: number | undefined
  readonly output_tokens?: number | undefined
  readonly reasoning_tokens?: number | undefined
  readonly total_tokens?: number | undefined
  readonly parts?: Readonly<Partial<Record<Part, number>>> | undefined
  readonly usage_source: UsageSource
  readonly usage_raw?: unknown | undefined
  readonly finish_reason?: string | undefined
  /** Price book × usage. */
  readonly cost_nano_usd?: number | undefined
  /** What budgets count and dashboards show first. */
  readonly charge_nano_usd?: number | undefined
  readonly overrun_nano_usd?: number | undefined
  /** What the provider itself stated. */
  readonly provider_cost_nano_usd?: number | undefined
  readonly price_status?: PriceStatus | undefined
  readonly price_version_id?: string | undefined
  /** The rates used: nano-dollars per million units of each part. */
  readonly rates?: Readonly<Partial<Record<Part, number>>> | undefined
  readonly success: boolean
  readonly status: RowStatus
  readonly flags?: readonly RowFlag[] | undefined
  readonly http_status?: number | undefined
  readonly error_code?: string | undefined
  readonly error_message?: string | undefined
  readonly response_time_ms?: number | undefined
  readonly first_token_ms?: number | undefined
  readonly overhead_ms?: number | undefined
  readonly tracked: boolean
  /** The provider's own id of the request. */
  readonly upstream_request_id?: string | undefined
}

/** A row as the JSON that goes to disk and to the ledger: it is made once, and both take it as it is. */
export interface RowText {
  readonly id: Uuid
  readonly revision: UsageRow['revision']
  readonly json: string
}

export function rowText(row: UsageRow): RowText {
  return { id: row.id, revision: row.revision, json: JSON.stringify(row) }
}
