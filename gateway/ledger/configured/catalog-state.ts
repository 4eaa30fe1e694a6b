import type { Sql } from '../database.ts'
import { become } from '../roles.ts'

/**
 * The version of what the catalog is made of here: another one after every change of keys, connections and price
 * overrides, whoever made it. Read it before them: what is read afterwards is at least as new.
 */
export async function catalogVersion(sql: Sql): Promise<bigint> {
  return sql.begin('READ ONLY', async (tx) => {
    await become(tx, 'tollgate_app')
    const [state] = await tx<{ version: bigint }[]>`SELECT version FROM tollgate.catalog_state`
    return state?.version ?? 0n
  })
}
