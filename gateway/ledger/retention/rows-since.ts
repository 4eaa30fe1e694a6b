import type { Day } from '../../domain/day.ts'
import type { Database } from '../database.ts'
import { reading } from '../reading.ts'
import { everyOrg } from '../roles.ts'

/** The first day whose rows the ledger takes: those before it are gone, and never come back. */
export async function rowsSince(database: Pick<Database, 'sql'>): Promise<Day> {
  const [kept] = await reading(
    database,
    everyOrg,
    (sql) => sql<{ since: Day }[]>`SELECT to_char(rows_since, 'YYYY-MM-DD') AS since FROM tollgate.retention`,
  )
  return kept?.since ?? ''
}
