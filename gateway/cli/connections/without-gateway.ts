import type { ConnectionStanding } from '../../admin/control.ts'
import { limitsOn } from '../../catalog/limit-rules.ts'
import type { Configuration } from '../../config.ts'
import { sourceOf } from '../../connection-source.ts'
import { declaredWithStored } from '../../declared.ts'
import type { HealthReport } from '../../health/health.ts'
import { healthOf, successRate } from '../../health/rules.ts'
import type { StoredConnection } from '../../ledger/configured/connections.ts'
import type { ConnectionCounts, ConnectionNews } from '../../ledger/connection-traffic.ts'
import { loadConnection } from '../../stored-connections.ts'
import { masterKeysOf } from '../visit.ts'
import type { LedgerLook } from './ledger-look.ts'

/** What a gateway that was started here would serve, and how it would be judged by the rows that were written. */
export function withoutGateway(
  configuration: Configuration,
  ledger: LedgerLook | undefined,
): readonly ConnectionStanding[] {
  const stored = new Map(ledger?.stored.map((each) => [each.slug, each]))
  const masterKeys = stored.size === 0 ? [] : masterKeysAtHand(configuration)
  const loaded = [...stored.values()].map((each) => loadConnection(each, configuration, masterKeys))
  const { connections, limits } = declaredWithStored(configuration, [], loaded)
  const limitsFor = limitsOn(limits)
  return connections
    .toSorted((a, b) => a.priority - b.priority)
    .map((connection) => {
      const { id } = connection
      const source = sourceOf(id, stored.has(id), configuration)
      const row = source.kind === 'database' ? stored.get(id) : undefined
      return {
        connection,
        name: row?.name ?? id,
        source,
        limits: limitsFor('connection', id).map((limit) => ({ limit, used: 0, held: 0, resetMs: 0 })),
        health: healthBy(ledger?.lately.get(id), ledger?.news.get(id), row, configuration),
      }
    })
}

/** Without them a stored credential does not open, which is said of its connection, and of no other. */
export function masterKeysAtHand(configuration: Configuration): readonly Buffer[] {
  try {
    return masterKeysOf(configuration)
  } catch {
    return []
  }
}

function healthBy(
  counts: ConnectionCounts | undefined,
  news: ConnectionNews | undefined,
  row: StoredConnection | undefined,
  { declared }: Configuration,
): HealthReport {
  const { attempts = 0, succeeded = 0, failed = 0, lastErrorAt } = counts ?? {}
  const { errorsInARow = 0, lastUsedAt } = news ?? {}
  const credentialRefused = isSince(news?.credentialRefusedAt, row)
  const figures = { attempts, succeeded, failed, errorsInARow, used: lastUsedAt !== undefined, credentialRefused }
  return {
    ...healthOf({ ...figures, rest: undefined }, declared.settings.health),
    attempts,
    successRate: successRate({ succeeded, failed }),
    errorsInARow,
    credentialRefused,
    lastUsedAt: lastUsedAt?.getTime(),
    lastErrorAt: lastErrorAt?.getTime(),
    rest: undefined,
  }
}

/** Whether it happened to the connection as it is now: what its owner changed may be mended. */
export function isSince(at: Date | undefined, row: Pick<StoredConnection, 'updatedAt'> | undefined): boolean {
  return at !== undefined && (row === undefined || at > row.updatedAt)
}
