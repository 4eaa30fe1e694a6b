import type { Database } from './database.ts'
import { reading } from './reading.ts'
import { everyOrg } from './roles.ts'

/** Rows of one model at one connection that have no price of their own. */
export interface Unpriced {
  readonly model: string
  readonly provider: string
  readonly connection: string
  /** `missing`: nothing is known of what they cost. `default`: they cost what unknown models cost. */
  readonly status: 'missing' | 'default'
  readonly rows: number
  /** `null`: not known of any. */
  readonly tokens: number | null
  readonly lastAt: Date
}

/** Since that time, most rows first. */
export async function unpricedSince(
  database: Database,
  since: number,
  connection?: string,
): Promise<readonly Unpriced[]> {
  return reading(database, everyOrg, async (sql) => {
    return sql<Unpriced[]>`
      SELECT model, provider, connection_id AS connection, price_status AS status, count(*)::double precision AS rows,
        sum(total_tokens)::double precision AS tokens, max(started_at) AS "lastAt"
      FROM tollgate.usage
      WHERE started_at >= ${new Date(since)} AND price_status IN ('missing', 'default')
        ${connection === undefined ? sql`` : sql`AND connection_id = ${connection}`}
      GROUP BY 1, 2, 3, 4 ORDER BY rows DESC, 1, 2, 3, 4
    `
  })
}
