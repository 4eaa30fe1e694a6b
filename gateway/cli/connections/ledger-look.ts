import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { listConnections, type StoredConnection } from '../../ledger/configured/connections.ts'
import {
  type ConnectionCounts,
  type ConnectionNews,
  connectionCounts,
  connectionNews,
} from '../../ledger/connection-traffic.ts'
import type { Database } from '../../ledger/database.ts'
import { failureOf } from '../../ledger/failure.ts'
import { CommandFailure, exits, note } from '../output.ts'
import { hasLedger, withLedger } from '../visit.ts'

/** Success is told over this long, up to now. */
export const successHours = 24
const hourMs = 3_600_000

export interface LedgerLook {
  readonly stored: readonly StoredConnection[]
  /** Of the last `successHours`; `undefined`: there were more rows than can be counted in time. */
  readonly day: ReadonlyMap<string, ConnectionCounts> | undefined
  /** Of the window that the rules of health look at. */
  readonly lately: ReadonlyMap<string, ConnectionCounts>
  readonly news: ReadonlyMap<string, ConnectionNews>
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
      const all = new Set([...ids, ...stored.map(({ slug }) => slug)])
      const to = systemClock.now()
      return {
        stored,
        news: await connectionNews(database, [...all]),
        lately: await connectionCounts(database, { from: to - windowMs, to }),
        day: await countsOfDay(database, to),
      }
    })
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.exit === exits.interrupted) throw error
    // The gateway serves without its database, and how it is can be told without it.
    note(`The ledger could not be asked, so success and last use are not known: ${error.message}`)
    return undefined
  }
}

const timedOut = '57014'

async function countsOfDay(database: Database, to: number): Promise<LedgerLook['day']> {
  try {
    return await connectionCounts(database, { from: to - successHours * hourMs, to })
  } catch (error) {
    if (failureOf(error).code !== timedOut) throw error
    note(`There are more rows of ${successHours} hours than can be counted in a moment, so success is not told.`)
    return undefined
  }
}
