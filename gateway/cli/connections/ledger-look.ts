import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { type ConnectionTraffic, connectionTraffic } from '../../ledger/connection-traffic.ts'
import { listConnections, type StoredConnection } from '../../ledger/connections.ts'
import { CommandFailure, exits, note } from '../output.ts'
import { hasLedger, withLedger } from '../visit.ts'

/** Success is told over this long, up to now. */
export const successHours = 24
const hourMs = 3_600_000

export interface LedgerLook {
  readonly stored: readonly StoredConnection[]
  /** Of the last `successHours`. */
  readonly traffic: readonly ConnectionTraffic[]
  /** Of the window that the rules of health look at. */
  readonly lately: readonly ConnectionTraffic[]
}

/** What the ledger knows of these connections and of those that are stored; `undefined` where there is none to ask. */
export async function lookIntoLedger(
  configuration: Configuration,
  ids: readonly string[],
): Promise<LedgerLook | undefined> {
  if (!hasLedger(configuration)) return undefined
  const { windowMs } = configuration.declared.settings.health
  try {
    return await withLedger(configuration, async (database) => {
      const stored = await listConnections(database)
      const all = [...new Set([...ids, ...stored.map(({ slug }) => slug)])]
      const to = systemClock.now()
      const traffic = await connectionTraffic(database, all, { from: to - successHours * hourMs, to })
      const lately = await connectionTraffic(database, all, { from: to - windowMs, to })
      return { stored, traffic, lately }
    })
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.exit === exits.interrupted) throw error
    // The gateway serves without its database, and how it is can be told without it.
    note(`The ledger could not be asked, so success and last use are not known: ${error.message}`)
    return undefined
  }
}
