import { histograms, type Measure, measures } from '../measures.ts'
import type { Fragment, Reader } from '../reading.ts'
import { type Difference, toldMax } from './verify-difference.ts'

/** The labels of a series, written out once more: that the sums' own list lacks one is what is looked for. */
const labels = [
  'org_id',
  'key_id',
  'connection_id',
  'provider',
  'model',
  'requested_model',
  'feature',
  'agent_id',
  'agent_name',
  'framework',
  'request_type',
  'stream',
  'usage_source',
  'status',
  'error_code',
] as const

interface Level {
  readonly name: string
  readonly step: string
  readonly labels: readonly string[]
}

export const levels: readonly Level[] = [
  { name: '15m', step: '15 minutes', labels },
  { name: '6h', step: '6 hours', labels },
  { name: 'day', step: '1 day', labels },
  { name: 'user_15m', step: '15 minutes', labels: [...labels, 'user_id'] },
  { name: 'user_day', step: '1 day', labels: [...labels, 'user_id'] },
]

interface Stretch {
  readonly from: Date
  readonly to: Date
}

interface Found {
  readonly at: Date
  readonly labels: Readonly<Record<string, string | null>> | null
  readonly series: string | null
  readonly rows: Readonly<Record<string, string>> | null
  readonly sums: Readonly<Record<string, string>> | null
}

/** Every measure of every series at one level, from rows and from sums. */
export async function sumDifferences(sql: Reader, level: Level, stretch: Stretch): Promise<readonly Difference[]> {
  const names = Object.keys(measures) as readonly Measure[]
  const told = [...names, 'first_at', 'last_at']
  const objectOf = (side: string) => told.map((name) => `'${name}', ${side}.${name}::text`).join(', ')
  const found = await sql<Found[]>`
    WITH ${bothSides(sql, level, stretch, {
      rows: names.map((name) => `coalesce(sum(${measures[name]}), 0)::bigint AS ${name}`).join(', '),
      sums: names.map((name) => `sum(${name})::bigint AS ${name}`).join(', '),
    })}
    SELECT coalesce(counted.at, summed.at) AS at, coalesce(counted.labels, summed.labels) AS labels, summed.series,
      CASE WHEN counted.key IS NOT NULL THEN json_build_object(${sql.unsafe(objectOf('counted'))}) END AS rows,
      CASE WHEN summed.key IS NOT NULL THEN json_build_object(${sql.unsafe(objectOf('summed'))}) END AS sums
    FROM counted FULL JOIN summed ON counted.at = summed.at AND counted.key = summed.key
    WHERE ${sql.unsafe(names.map((name) => `counted.${name} IS DISTINCT FROM summed.${name}`).join(' OR '))}
      OR summed.first_at > counted.first_at OR summed.last_at < counted.last_at
    ORDER BY 1 LIMIT ${toldMax}`
  return found.flatMap((place) => told.flatMap((name) => differenceIn(level, place, name)))
}

// The first and last time remember rows that are gone: they may be farther apart, and no nearer.
function differenceIn(level: Level, { at, labels, series, rows, sums }: Found, name: string): readonly Difference[] {
  const [ours, theirs] = [rows?.[name] ?? null, sums?.[name] ?? null]
  const isTime = name === 'first_at' || name === 'last_at'
  const differs = isTime
    ? ours !== null &&
      theirs !== null &&
      (name === 'first_at' ? instant(theirs) > instant(ours) : instant(theirs) < instant(ours))
    : (ours ?? '0') !== (theirs ?? '0')
  if (!differs) return []
  const place = { level: level.name, at: at.toISOString(), ...(labels ?? { series }) }
  return [{ book: 'rollups', place, measure: name, rows: ours, book_says: theirs }]
}

const instant = (text: string): number => Date.parse(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))

/** How many rows took which step, at the levels that say it. */
export async function histogramDifferences(sql: Reader, stretch: Stretch): Promise<readonly Difference[]> {
  const found: Difference[] = []
  for (const level of levels.filter(({ name }) => !name.startsWith('user_'))) {
    for (const { column, row } of Object.values(histograms)) {
      const differing = await sql<(Pick<Found, 'at' | 'labels'> & { step: number; rows: string; sums: string })[]>`
        WITH counted AS (
          SELECT ${at(sql, level)} AS at, ${key(sql, level, 'usage')} AS key, ${object(sql, level, 'usage')}::jsonb AS labels,
            tollgate.duration_step(${sql.unsafe(row)}) AS step, count(*) AS rows
          FROM tollgate.usage
          WHERE started_at >= ${stretch.from} AND started_at < ${stretch.to} AND ${sql.unsafe(row)} IS NOT NULL
          GROUP BY 1, 2, 3, 4
        ),
        summed AS (
          SELECT rollups.at, ${key(sql, level, 'series')} AS key, ${object(sql, level, 'series')}::jsonb AS labels,
            array_lower(${sql.unsafe(column)}, 1) + place.number::integer - 1 AS step, sum(place.rows) AS rows
          FROM tollgate.rollups LEFT JOIN tollgate.series ON series.id = rollups.series_id
          CROSS JOIN LATERAL unnest(${sql.unsafe(column)}) WITH ORDINALITY AS place (rows, number)
          WHERE rollups.level = ${level.name} AND rollups.at >= ${stretch.from} AND rollups.at < ${stretch.to}
            AND place.rows <> 0
          GROUP BY 1, 2, 3, 4
        )
        SELECT coalesce(counted.at, summed.at) AS at, coalesce(counted.labels, summed.labels) AS labels,
          coalesce(counted.step, summed.step) AS step,
          coalesce(counted.rows, 0)::text AS rows, coalesce(summed.rows, 0)::text AS sums
        FROM counted FULL JOIN summed
          ON counted.at = summed.at AND counted.key = summed.key AND counted.step = summed.step
        WHERE coalesce(counted.rows, 0) <> coalesce(summed.rows, 0)
        ORDER BY 1, 3 LIMIT ${toldMax}`
      for (const { at, labels, step, rows, sums } of differing) {
        const place = { level: level.name, at: at.toISOString(), ...labels }
        found.push({ book: 'rollups', place, measure: `${column}[${step}]`, rows, book_says: sums })
      }
    }
  }
  return found
}

interface Sides {
  readonly rows: string
  readonly sums: string
}

function bothSides(sql: Reader, level: Level, { from, to }: Stretch, { rows, sums }: Sides): Fragment {
  return sql`
    counted AS (
      SELECT ${at(sql, level)} AS at, ${key(sql, level, 'usage')} AS key, ${object(sql, level, 'usage')}::jsonb AS labels,
        min(started_at) AS first_at, max(started_at) AS last_at, ${sql.unsafe(rows)}
      FROM tollgate.usage WHERE started_at >= ${from} AND started_at < ${to}
      GROUP BY 1, 2, 3
    ),
    summed AS (
      SELECT rollups.at, coalesce(${key(sql, level, 'series')}, rollups.series_id::text) AS key,
        CASE WHEN series.id IS NOT NULL THEN ${object(sql, level, 'series')}::jsonb END AS labels,
        min(rollups.series_id::text) AS series,
        min(rollups.first_at) AS first_at, max(rollups.last_at) AS last_at, ${sql.unsafe(sums)}
      FROM tollgate.rollups LEFT JOIN tollgate.series ON series.id = rollups.series_id AND series.org_id = rollups.org_id
      WHERE rollups.level = ${level.name} AND rollups.at >= ${from} AND rollups.at < ${to} AND rollups.rows <> 0
      GROUP BY 1, 2, 3
    )`
}

function at(sql: Reader, { step }: Level): Fragment {
  return sql`date_bin(${step}::text::interval, started_at, 'epoch')`
}

/** Names of models that nothing is served by are one label: anybody can make up any number of them. */
const modelOfRow = `CASE WHEN usage.attempt = 0 AND usage.error_code IN ('model_not_found', 'model_not_allowed')
  THEN '(other)' ELSE usage.requested_model END`

function place(label: string, table: 'usage' | 'series'): string {
  return table === 'usage' && label === 'requested_model' ? modelOfRow : `${table}.${label}`
}

/** All labels as one text, in which nothing and an empty text are two things. */
function key(sql: Reader, { labels }: Level, table: 'usage' | 'series'): Fragment {
  const row = `ROW(${labels.map((label) => place(label, table)).join(', ')})::text`
  return sql.unsafe(table === 'series' ? `CASE WHEN series.id IS NOT NULL THEN ${row} END` : row)
}

function object(sql: Reader, { labels }: Level, table: 'usage' | 'series'): Fragment {
  const members = labels.map((label) => `'${label}', (${place(label, table)})::text`)
  return sql.unsafe(`json_build_object(${members.join(', ')})`)
}
