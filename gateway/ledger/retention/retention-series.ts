import type { Sql } from '../database.ts'
import { addingToSums } from '../locks.ts'
import { become } from '../roles.ts'

const batchRows = 500

/** Removes series that no sum is of any more, a few at a time. Writers wait for a batch at most. */
export async function removeUnusedSeries(sql: Sql, signal?: AbortSignal): Promise<number> {
  let removed = 0
  let after: string | undefined = '00000000-0000-0000-0000-000000000000'
  while (after !== undefined && !signal?.aborted) {
    const from: string = after
    const batch = await sql.begin(async (tx) => {
      await become(tx, 'tollgate_ingest', { statement_timeout: '30s', enable_seqscan: 'off' })
      // The lock of who adds to sums: a series that is looked at here cannot come into use meanwhile.
      await tx`SELECT pg_advisory_xact_lock(${addingToSums})`
      const [looked] = await tx<{ last: string | null; removed: bigint }[]>`
        WITH page AS MATERIALIZED (SELECT id FROM tollgate.series WHERE id > ${from} ORDER BY id LIMIT ${batchRows}),
        gone AS (
          DELETE FROM tollgate.series WHERE id IN (
            SELECT id FROM page
            WHERE (SELECT at FROM tollgate.rollups WHERE level = 'day' AND series_id = page.id LIMIT 1) IS NULL
              AND (SELECT at FROM tollgate.rollups WHERE level = 'user_day' AND series_id = page.id LIMIT 1) IS NULL
          ) RETURNING 1
        )
        SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM gone) AS removed`
      return looked
    })
    removed += Number(batch?.removed ?? 0)
    after = batch?.last ?? undefined
  }
  return removed
}
