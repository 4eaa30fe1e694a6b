import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenLedger } from './assemble-ledger.ts'
import type { CatalogStanding } from './current-catalog.ts'
import { type ConnectionHealth, connectionHealth, healthDocument } from './health-document.ts'
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
    health: async () =>
      healthDocument({
        ready: ready(),
        version,
        configuration: configuration(),
        connections: connectionsHealth(gateway),
        database: { kind: ledger.kind, ...(await reachable(ledger)) },
        journal: journal.standing(),
        liveAttempts: gateway.live.size,
      }),
  }
}

/** How each connection is, in the order of the catalog. */
export function connectionsHealth({ catalog, health, clock }: Gateway): readonly ConnectionHealth[] {
  const at = clock.now()
  return catalog.connections.map((connection) => connectionHealth(connection, health.report(connection.id, at), at))
}

async function reachable({ database }: OpenLedger): Promise<{ reachable: boolean; problem?: string }> {
  try {
    const inTime = await Promise.race([database.check(), sleep(databasePatienceMs, undefined, { ref: false })])
    return inTime ? { reachable: true } : { reachable: false, problem: 'it does not answer' }
  } catch (error) {
    return { reachable: false, problem: database.inWords(error) }
  }
}
