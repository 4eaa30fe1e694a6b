import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenLedger } from './assemble-ledger.ts'
import type { Ops } from './http/ops.ts'
import type { OpenJournal } from './journal/open-journal.ts'
import type { Gateway } from './pipeline/gateway.ts'
import { version } from './version.ts'

const databasePatienceMs = 1_000

export interface Parts {
  readonly gateway: Gateway
  readonly journal: OpenJournal
  readonly ledger: OpenLedger
  readonly ready: () => boolean
}

/** What the gateway says of itself, to probes, to Prometheus and to people. */
export function opsOf({ gateway, journal, ledger, ready }: Parts): Ops {
  return {
    ready: () => (ready() ? { ready: true } : { ready: false, reason: 'going down' }),
    metrics: async () => ({ contentType: gateway.metrics.contentType, text: await gateway.metrics.text() }),
    health: async () => ({
      status: ready() ? 'ok' : 'draining',
      version,
      connections: gateway.catalog.connections.map(({ id, provider, status }) => ({
        id,
        provider,
        status,
        ...gateway.health.standing(id, gateway.clock.now()),
      })),
      database: { kind: ledger.kind, ...(await reachable(ledger)) },
      journal: journal.standing(),
      live_attempts: gateway.live.size,
    }),
  }
}

async function reachable({ database }: OpenLedger): Promise<{ reachable: boolean; problem?: string }> {
  try {
    const inTime = await Promise.race([database.check(), sleep(databasePatienceMs, undefined, { ref: false })])
    return inTime ? { reachable: true } : { reachable: false, problem: 'it does not answer' }
  } catch (error) {
    return { reachable: false, problem: database.inWords(error) }
  }
}
