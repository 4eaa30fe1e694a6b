import type { NanoUsd } from './money.ts'
import type { Plain } from './tags.ts'
import type { Usage } from './usage.ts'

/** Usage that was had elsewhere and belongs in the ledger: a call that did not pass through the gateway. */
export interface UsageRecord {
  /** The sender's own name of it, by which it is known again. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly org?: string | undefined
  readonly key?: string | undefined
  readonly user?: string | undefined
  readonly feature?: string | undefined
  readonly agent?: string | undefined
  readonly agentName?: string | undefined
  readonly framework?: string | undefined
  readonly requestType?: string | undefined
  readonly session?: string | undefined
  readonly group?: string | undefined
  readonly metadata?: Readonly<Record<string, Plain>> | undefined
  readonly provider?: string | undefined
  readonly connection?: string | undefined
  readonly model?: string | undefined
  readonly serviceTier?: string | undefined
  readonly stream: boolean
  /** `undefined`: not known, which is not nothing. */
  readonly usage?: Usage | undefined
  /** What the provider stated that it cost. */
  readonly providerCost?: NanoUsd | undefined
  readonly responseTimeMs?: number | undefined
  readonly firstTokenMs?: number | undefined
  readonly success: boolean
  readonly httpStatus?: number | undefined
  readonly errorCode?: string | undefined
  readonly errorMessage?: string | undefined
}

/** What is wrong with one of several records, by the member's name. */
export interface RecordProblem {
  /** Its place among them, from 0. */
  readonly record: number
  readonly member: string
  readonly message: string
}

/** Where usage from elsewhere comes in: every row of it says so. */
export const ingestEndpoint = '/admin/v1/usage'
export const ingestDialect = 'ingest'
/** Of records that name no key. */
export const ingestKeyId = 'ingest'
