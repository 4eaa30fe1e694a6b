import { personalColumns } from '../../domain/tracking.ts'
import type { Database } from '../database.ts'
import { addingToSums } from '../locks.ts'
import { measures, seriesLabels } from '../measures.ts'
import { become } from '../roles.ts'
import { type Identity, identityColumns } from './purge-identity.ts'

const allLabels = [...seriesLabels, 'user_id'] as const

/** The labels that name who is forgotten; by sessions nothing is summed. */
const naming: Readonly<Record<Identity['kind'], readonly string[]>> = {
  user: ['user_id'],
  agent: ['agent_id', 'agent_name'],
  key: personalColumns.filter((column) => (allLabels as readonly string[]).includes(column)),
  session: [],
}

const seriesAtOnce = 20

/**
 * Adds sums that still name somebody to the sums that differ in naming nobody, and removes the series they were of. Sums
 * over rows that are there moved with their rows; what is left here outlived them.
 */
export async function foldSeries(database: Database, identity: Identity, signal: AbortSignal): Promise<number> {
  const cleared = naming[identity.kind]
  if (cleared.length === 0) return 0
  const statement = folding(identityColumns[identity.kind], cleared)
  let folded = 0
  for (let more = true; more && !signal.aborted; ) {
    const ids = await database.sql.begin(async (tx) => {
      await become(tx, 'tollgate_ingest', { statement_timeout: '60s', enable_seqscan: 'off' })
      // The lock of who adds to sums: writers wait for these few series.
      await tx`SELECT pg_advisory_xact_lock(${addingToSums})`
      const [result] = await tx.unsafe<{ folded: bigint }[]>(statement, [identity.value, identity.org ?? null])
      return Number(result?.folded ?? 0)
    })
    folded += ids
    more = ids === seriesAtOnce
  }
  return folded
}

function folding(column: string, cleared: readonly string[]): string {
  const names = Object.keys(measures)
  const kept = allLabels.map((name) => (cleared.includes(name) ? 'NULL::text' : name))
  const [plain, user] = [kept.slice(0, -1).join(', '), kept.at(-1)]
  const own = seriesLabels.join(', ')
  return `
    WITH source AS MATERIALIZED (
      SELECT id, ${allLabels.map((name, i) => `${kept[i]} AS ${name}`).join(', ')},
        -- A series that does not tell users apart has its id by its labels alone.
        CASE WHEN id = tollgate.series_of(ROW(${own})::text) THEN tollgate.series_of(ROW(${plain})::text)
          ELSE tollgate.series_of(ROW(tollgate.series_of(ROW(${plain})::text), ${user})::text) END AS target
      FROM tollgate.series
      WHERE ${column} = $1 AND ($2::text IS NULL OR org_id = $2) AND num_nonnulls(${cleared.join(', ')}) > 0
      ORDER BY id LIMIT ${seriesAtOnce}
    ),
    gone AS (
      DELETE FROM tollgate.rollups WHERE series_id = ANY(ARRAY(SELECT id FROM source)) RETURNING *
    ),
    listed AS (
      INSERT INTO tollgate.series (id, ${own}, user_id)
      SELECT DISTINCT ON (target) target, ${own}, user_id FROM source ORDER BY target
      ON CONFLICT (id) DO NOTHING
    ),
    added AS (
      INSERT INTO tollgate.rollups AS old (
        level, at, series_id, org_id, response_histogram, first_token_histogram, first_at, last_at, ${names.join(', ')}
      )
      SELECT level, at, target, gone.org_id, tollgate.histogram_sum(response_histogram),
        tollgate.histogram_sum(first_token_histogram), min(first_at), max(last_at),
        ${names.map((name) => `sum(gone.${name})`).join(', ')}
      FROM gone JOIN source ON source.id = gone.series_id
      GROUP BY level, at, target, gone.org_id
      ON CONFLICT (level, at, series_id) DO UPDATE SET
        response_histogram = tollgate.histograms_added(old.response_histogram, excluded.response_histogram),
        first_token_histogram = tollgate.histograms_added(old.first_token_histogram, excluded.first_token_histogram),
        first_at = least(old.first_at, excluded.first_at), last_at = greatest(old.last_at, excluded.last_at),
        ${names.map((name) => `${name} = old.${name} + excluded.${name}`).join(', ')}
    ),
    removed AS (DELETE FROM tollgate.series WHERE id = ANY(ARRAY(SELECT id FROM source)))
    SELECT count(*) AS folded FROM source`
}
