import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenLedger } from './assemble-ledger.ts'
import type { CatalogStanding } from './current-catalog.ts'
import { shownStatus } from './domain/connection.ts'
import type { Ops } from './http/ops.ts'
import type { OpenJournal } from './journal/open-journal.ts'
import type { Gateway } from './pipeline/gateway.ts'
import { version } from './version.ts'

const databasePatienceMs = 1_000

export interface Parts {
  readonly gateway: Gateway
  readonly journal: OpenJournal
  readonly ledger: OpenLedger
  /** What is in effect of the configuration. */
  readonly configuration: () => CatalogStanding
  readonly ready: () => boolean
}

/** What the gateway says of itself, to probes, to Prometheus and to people. */
export function opsOf({ gateway, journal, ledger, configuration, ready }: Parts): Ops {
  return {
    ready: () => (ready() ? { ready: true } : { ready: false, reason: 'going down' }),
    metrics: async () => ({ contentType: gateway.metrics.contentType, text: await gateway.metrics.text() }),
    health: async () => ({
      status: ready() ? 'ok' : 'draining',
      version,
      configuration: configurationJson(configuration()),
      connections: connectionsHealth(gateway),
      database: { kind: ledger.kind, ...(await reachable(ledger)) },
      journal: journal.standing(),
      live_attempts: gateway.live.size,
    }),
  }
}

/** How each connection is, as `/health` shows it; its status is `error` where only its owner can mend it. */
export function connectionsHealth({ catalog, health, clock }: Gateway) {
  const at = clock.now()
  return catalog.connections.map((connection) => {
    const { id, provider } = connection
    const report = health.report(id, at)
    const retryAfterMs = report.rest ? report.rest.untilMs - at : 0
    return {
      id,
      provider,
      status: shownStatus(connection, report.credentialRefused),
      health: report.health,
      why: report.why,
      attempts: report.attempts,
      success_rate: report.successRate ?? null,
      errors_in_a_row: report.errorsInARow,
      last_used_at: isoOrNull(report.lastUsedAt),
      last_error_at: isoOrNull(report.lastErrorAt),
      available: report.rest === undefined,
      retry_after_ms: retryAfterMs,
      ...(report.rest && { reason: report.rest.reason, retryAfterMs }),
    }
  })
}

function configurationJson({ version, loadedAt, problem }: CatalogStanding) {
  return { version, loaded_at: new Date(loadedAt).toISOString(), problem: problem ?? null }
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

async function reachable({ database }: OpenLedger): Promise<{ reachable: boolean; problem?: string }> {
  try {
    const inTime = await Promise.race([database.check(), sleep(databasePatienceMs, undefined, { ref: false })])
    return inTime ? { reachable: true } : { reachable: false, problem: 'it does not answer' }
  } catch (error) {
    return { reachable: false, problem: database.inWords(error) }
  }
}
