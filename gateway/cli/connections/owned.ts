import type { Configuration } from '../../config.ts'
import { sourceOf } from '../../connection-source.ts'
import { boxedIds } from '../../declared.ts'
import { findConnection, type StoredConnection } from '../../ledger/configured/connections.ts'
import type { Database } from '../../ledger/database.ts'
import { noConnection } from '../no-connection.ts'
import { CommandFailure, exits } from '../output.ts'

/** What the file declares, the file owns: one rule, so that nobody has to wonder which of two holds. */
export function refuseDeclared(id: string, configuration: Configuration): void {
  const source = sourceOf(id, false, configuration)
  if (source.kind !== 'file') return
  throw new CommandFailure(exits.conflict, `${id} is managed by config: ${source.file}:${source.line} declares it`, {
    fix: 'change it there',
  })
}

/** The stored connection of this id, or why it is not ours to change. */
export async function ownedConnection(
  database: Database,
  id: string,
  configuration: Configuration,
): Promise<StoredConnection> {
  refuseDeclared(id, configuration)
  const stored = await findConnection(database, id)
  if (stored) return stored
  if (boxedIds.includes(id)) {
    throw new CommandFailure(exits.conflict, `${id} comes with the box`, {
      fix: 'to decide about it, declare or add a connection of that id',
    })
  }
  throw noConnection(id)
}
