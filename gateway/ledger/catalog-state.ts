import type { Sql } from './database.ts'

/**
 * The version of what the catalog is made of here: another one after every change of keys and connections, whoever made
 * it. Read it before them: what is read afterwards is at least as new.
 */
export async function catalogVersion(sql: Sql): Promise<bigint> {
  const [state] = await sql<{ version: bigint }[]>`SELECT version FROM tollgate.catalog_state`
  return state?.version ?? 0n
}
