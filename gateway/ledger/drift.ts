import type { Database } from './database.ts'
import { reading } from './reading.ts'
import { everyOrg } from './roles.ts'

/** How far a provider's own word and our prices are apart, for one model at one connection. */
export interface Drift {
  readonly connection: string
  readonly provider: string
  readonly model: string
  /** Rows whose cost the provider stated, and what it stated. */
  readonly stated: number
  readonly statedNanoUsd: bigint
  /** Those of them that our prices know too, and by how much the provider states more for them. */
  readonly compared: number
  readonly driftNanoUsd: bigint
}

/** Of these days (UTC), from the sums, which outlive rows; the widest apart come first. */
export async function driftOf(
  database: Database,
  range: { readonly from: number; readonly to: number },
): Promise<readonly Drift[]> {
  return reading(database, everyOrg, async (sql) => {
    return sql<Drift[]>`
      SELECT connection_id AS connection, provider, model,
        sum(provider_cost_known)::double precision AS stated, sum(provider_cost_nano_usd)::bigint AS "statedNanoUsd",
        sum(drift_known)::double precision AS compared, sum(drift_nano_usd)::bigint AS "driftNanoUsd"
      FROM tollgate.rollups JOIN tollgate.series ON series.id = rollups.series_id
      WHERE level = 'day' AND at >= date_bin('1 day', ${new Date(range.from)}::timestamptz, 'epoch') AND at < ${new Date(range.to)}
      GROUP BY 1, 2, 3 HAVING sum(provider_cost_known) > 0
      ORDER BY abs(sum(drift_nano_usd)) DESC, 1, 2, 3
    `
  })
}
