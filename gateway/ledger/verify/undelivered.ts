import { timeOf, type Uuid } from '../../domain/id.ts'
import type { Database } from '../database.ts'
import { revisionOf } from '../quarantine.ts'
import { reading } from '../reading.ts'
import { everyOrg } from '../roles.ts'

/** A row by its id, and how much is known in it. */
export interface RowName {
  readonly id: Uuid
  readonly revision: number
}

/** Of these rows, those that neither the ledger has, at this revision or a later one, nor its quarantine. */
export async function undelivered<T extends RowName>(database: Database, rows: readonly T[]): Promise<readonly T[]> {
  if (rows.length === 0) return []
  const named = rows.map(({ id, revision }) => ({ id, revision, at: new Date(timeOf(id)).toISOString() }))
  const missing = await reading(
    database,
    everyOrg,
    (sql) => sql<{ id: Uuid; revision: number; aside: string | null }[]>`
      SELECT wanted.id, wanted.revision, refused.row AS aside
      FROM json_to_recordset(${JSON.stringify(named)}::text::json) AS wanted (id uuid, revision integer, at timestamptz)
      LEFT JOIN tollgate.usage AS stored
        ON stored.started_at = wanted.at AND stored.id = wanted.id AND stored.revision >= wanted.revision
      LEFT JOIN tollgate.quarantine AS refused ON refused.id = wanted.id
      WHERE stored.id IS NULL`,
  )
  const lacking = missing.filter(({ revision, aside }) => aside === null || revisionOf(aside) < revision)
  const names = new Set(lacking.map(({ id, revision }) => `${id} ${revision}`))
  return rows.filter(({ id, revision }) => names.has(`${id} ${revision}`))
}
