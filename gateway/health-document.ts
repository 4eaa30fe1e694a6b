import type { CatalogStanding } from './current-catalog.ts'
import { type Connection, shownStatus } from './domain/connection.ts'
import type { HealthReport } from './health/health.ts'
import type { SinkStanding } from './journal/lane.ts'
import type { JournalStanding } from './journal/standing.ts'

/** How the gateway is at one moment. */
export interface GatewayStanding {
  readonly ready: boolean
  readonly version: string
  readonly configuration: CatalogStanding
  readonly connections: readonly ConnectionHealth[]
  readonly database: { readonly kind: string; readonly reachable: boolean; readonly problem?: string }
  readonly journal: JournalStanding
  readonly liveAttempts: number
}

/** `degraded`: calls are served, or would be, and something that has to be put right is said further below. */
type HealthStatus = 'ok' | 'degraded' | 'draining'

function statusOf({ ready, database, journal }: GatewayStanding): HealthStatus {
  if (!ready) return 'draining'
  return database.reachable && journal.problem === undefined ? 'ok' : 'degraded'
}

/** What `/health` says: names in snake_case, whole milliseconds, times in ISO 8601; `null` is unknown, or nothing. */
export function healthDocument(standing: GatewayStanding) {
  const { configuration, database, journal, ...gateway } = standing
  return {
    status: statusOf(standing),
    version: gateway.version,
    configuration: {
      version: configuration.version,
      loaded_at: instant(configuration.loadedAt),
      problem: configuration.problem ?? null,
    },
    connections: gateway.connections,
    database: { kind: database.kind, reachable: database.reachable, problem: database.problem ?? null },
    journal: journalDocument(journal),
    live_attempts: gateway.liveAttempts,
  }
}

export type ConnectionHealth = ReturnType<typeof connectionHealth>

/** How one connection is. */
export function connectionHealth(connection: Connection, { rest, ...report }: HealthReport, at: number) {
  return {
    id: connection.id,
    provider: connection.provider,
    status: shownStatus(connection, report.credentialRefused),
    health: report.health,
    why: report.why,
    attempts: report.attempts,
    success_rate: report.successRate ?? null,
    errors_in_a_row: report.errorsInARow,
    last_used_at: instantOrNull(report.lastUsedAt),
    last_error_at: instantOrNull(report.lastErrorAt),
    available: rest === undefined,
    reason: rest?.reason ?? null,
    // Up, so that whoever waits for it does not come too early.
    retry_after_ms: rest ? Math.ceil(rest.untilMs - at) : 0,
  }
}

// Without its live attempts: the gateway's own, which are shown beside it, are the same but for the moment of a write.
function journalDocument(journal: JournalStanding) {
  return {
    problem: journal.problem ?? null,
    pending_rows: journal.pendingRows,
    oldest_pending_ms: Math.round(journal.oldestPendingMs),
    rows_at_risk: journal.rowsAtRisk,
    rows_lost: journal.rowsLost,
    refusals_lost: journal.refusalsLost,
    opens_dropped: journal.opensDropped,
    segments: journal.segments,
    torn: journal.torn,
    orphans: journal.orphans,
    write_errors: journal.writeErrors,
    sync_errors: journal.syncErrors,
    sinks: journal.sinks.map(sinkDocument),
  }
}

function sinkDocument({ name, lastFlush, failingMs, ...sink }: SinkStanding) {
  return {
    name,
    pending_rows: sink.pendingRows,
    oldest_pending_ms: Math.round(sink.oldestPendingMs),
    delivered: sink.delivered,
    quarantined: sink.quarantined,
    failures: sink.failures,
    failing_ms: failingMs === undefined ? null : Math.round(failingMs),
    last_flush: lastFlush
      ? { at: instant(lastFlush.at), rows: lastFlush.rows, took_ms: Math.round(lastFlush.tookMs) }
      : null,
  }
}

function instantOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : instant(ms)
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
