import type { Connection } from '../domain/connection.ts'
import type { UsageRecord } from '../domain/usage-record.ts'
import type { HealthReport } from '../health/health.ts'
import type { Standing } from '../limits/limit-store.ts'
import type { Ingested } from '../pipeline/ingest.ts'

/** What the assembly hands the control plane: what there is, and what may be done with it. */
export interface Control {
  /** In the order of asking. */
  connections(): Promise<readonly ConnectionStanding[]>
  /** Calls this connection for real, at the least that costs. `undefined` where there is no such connection. */
  test(connectionId: string, model: string | undefined): Promise<TestReport | undefined>
  /** Takes usage from elsewhere, all of it or none; with `dryRun` it is only said what is wrong with it. */
  ingest(records: readonly UsageRecord[], dryRun: boolean): Promise<Ingested>
}

/** A connection, and how it is at this moment. */
export interface ConnectionStanding {
  readonly connection: Connection
  /** How people call it; its id where nobody gave it a name. */
  readonly name: string
  readonly source: Source
  readonly limits: readonly Standing[]
  readonly health: HealthReport
}

/** Who decides about a connection. What a file declares, only the file changes. */
export type Source =
  | { readonly kind: 'file'; readonly file: string; readonly line: number }
  | { readonly kind: 'database' }
  | { readonly kind: 'built-in' }

/** What came of a test call. */
export interface TestReport {
  readonly ok: boolean
  readonly connection: string
  /** The call's public id: its row is found by it. */
  readonly request: string
  /** As it was asked for, and as it is called there. */
  readonly requestedModel: string
  readonly model: string
  readonly endpoint: string
  /** What was called, without credentials; `undefined` where nothing was. */
  readonly url: string | undefined
  readonly httpStatus: number | undefined
  readonly latencyMs: number | undefined
  readonly firstTokenMs: number | undefined
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly costNanoUsd: number | undefined
  /** What went wrong, in the provider's own words where it had any. */
  readonly error: { readonly code: string; readonly message: string } | undefined
  readonly hint: string | undefined
}
