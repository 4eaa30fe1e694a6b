import type { Fragment, Reader } from '../reading.ts'
import type { Dimension } from './dimensions.ts'
import { expressionOf, type Filter, meeting, type Target } from './filters.ts'
import type { Grain, Piece } from './time-plan.ts'

/** What is read: which stretches, of which rows, told apart by what. */
export interface Asked {
  readonly sql: Reader
  readonly pieces: readonly Piece[]
  readonly filters: readonly Filter[]
  readonly groupBy: readonly Dimension[]
  /** Whether it takes the sums that tell users apart. */
  readonly byUser: boolean
}

/** One grain's table. */
export interface Source {
  readonly grain: Grain
  readonly target: Target
}

/** A column of the answer: how it is added up where it is read, and how what was read is put together. */
export interface Column {
  readonly name: string
  readonly read: Readonly<Record<Target, string>>
  readonly merged: string
}

/** One SELECT for each grain that is read, as one. */
export function eachSource({ sql, pieces }: Asked, select: (source: Source) => Fragment): Fragment {
  return (['day', '6h', '15m', 'row'] as const)
    .filter((grain) => pieces.some((piece) => piece.grain === grain))
    .map((grain) => sql`(${select({ grain, target: grain === 'row' ? 'usage' : 'series' })})`)
    .reduce((sum, next) => sql`${sum} UNION ALL ${next}`)
}

/** Each stretch's columns by labels. */
export function summed(asked: Asked, source: Source, columns: readonly Column[]): Fragment {
  const { sql, filters, groupBy } = asked
  if (source.target === 'usage') {
    const sums = columns.map(({ name, read }) => `${read.usage} AS ${name}`)
    return sql`
      SELECT piece.n ${labels(asked, source)} ${listed(asked, sums)}
      FROM piece JOIN tollgate.usage ON ${during(asked, source)}
      WHERE piece.grain = 'row' ${meeting(sql, filters, 'usage')}
      GROUP BY ${ordinals(asked, 1)}`
  }
  const keys = keyNames(groupBy)
  const sums = columns.map(({ name, read }) => `${read.series} AS ${name}`)
  return sql`
    SELECT piece.n, part.*
    FROM piece CROSS JOIN LATERAL (
      SELECT ${sql.unsafe([...keys, ...sums].join(', '))}
      FROM tollgate.rollups ${named(asked)}
      WHERE ${during(asked, source)} ${chosen(asked)}
      ${keys.length > 0 ? sql`GROUP BY ${sql.unsafe(keys.join(', '))}` : sql`HAVING count(*) > 0`}
    ) AS part
    WHERE piece.grain = ${source.grain}`
}

/** How many rows took which step, in each stretch by labels. */
export function stepped(
  asked: Asked,
  source: Source,
  histogram: { readonly column: string; readonly row: string },
): Fragment {
  const { sql, filters, groupBy } = asked
  if (source.target === 'usage') {
    const took = sql.unsafe(`usage.${histogram.row}`)
    return sql`
      SELECT piece.n ${labels(asked, source)}, tollgate.duration_step(${took}) AS step, count(*) AS rows
      FROM piece JOIN tollgate.usage ON ${during(asked, source)}
      WHERE piece.grain = 'row' AND ${took} IS NOT NULL ${meeting(sql, filters, 'usage')}
      GROUP BY ${ordinals(asked, 2)}`
  }
  const steps = sql.unsafe(`rollups.${histogram.column}`)
  const keys = sql.unsafe([...keyNames(groupBy), ''].join(', '))
  return sql`
    SELECT piece.n, part.*
    FROM piece CROSS JOIN LATERAL (
      SELECT ${keys} array_lower(${steps}, 1) + place.number::integer - 1 AS step, sum(place.rows) AS rows
      FROM tollgate.rollups ${named(asked)}
      CROSS JOIN LATERAL unnest(${steps}) WITH ORDINALITY AS place (rows, number)
      WHERE ${during(asked, source)} ${chosen(asked)}
      GROUP BY ${keys} step
    ) AS part
    WHERE piece.grain = ${source.grain}`
}

/** The stretches, to which buckets each is added, and the labels of series: what every statement begins with. */
export function stretches(asked: Asked): Fragment {
  const { sql, pieces, groupBy } = asked
  const given = pieces.map(({ grain, from, to }, n) => ({ n, grain, from: iso(from), to: iso(to) }))
  const uses = pieces.flatMap((piece, n) => piece.uses.map((use) => ({ n, ...use })))
  return sql`
    WITH piece AS MATERIALIZED (
      SELECT * FROM json_to_recordset(${JSON.stringify(given)}::text::json)
        AS piece (n integer, grain text, "from" timestamptz, "to" timestamptz)
    ),
    use AS MATERIALIZED (
      SELECT * FROM json_to_recordset(${JSON.stringify(uses)}::text::json) AS use (n integer, bucket integer, sign integer)
    )
    ${groupBy.length > 0 && pieces.some(({ grain }) => grain !== 'row') ? labelled(asked) : sql``}`
}

// Looked up once, and joined before anything is added up: an answer has fewer groups than there are series.
function labelled(asked: Asked): Fragment {
  const { sql, filters } = asked
  return sql`,
    label AS MATERIALIZED (
      SELECT series.id ${labels(asked, { grain: 'day', target: 'series' })}
      FROM tollgate.series WHERE ${ofLevel(asked)} ${meeting(sql, filters, 'series')}
    )`
}

/** `, a, b`: names and expressions of ours, never anybody's values. */
export function listed({ sql }: Pick<Asked, 'sql'>, names: readonly string[]): Fragment {
  return sql.unsafe(names.map((name) => `, ${name}`).join(''))
}

/** The names that labels have from here on: `k0`, `k1`. */
export function keyNames(groupBy: readonly Dimension[]): readonly string[] {
  return groupBy.map((_, place) => `k${place}`)
}

function labels({ sql, groupBy }: Asked, { target }: Source): Fragment {
  const names = keyNames(groupBy)
  return groupBy.reduce(
    (sum: Fragment, dimension, i) =>
      sql`${sum}, ${expressionOf(sql, dimension, target)} AS ${sql.unsafe(names[i] ?? '')}`,
    sql``,
  )
}

/** A stretch's beginning, its labels, and as many columns more. */
function ordinals({ sql, groupBy }: Asked, others: number): Fragment {
  return sql.unsafe(Array.from({ length: groupBy.length + others }, (_, i) => i + 1).join(', '))
}

// Without a breakdown no label is looked up.
function named({ sql, groupBy }: Asked): Fragment {
  return groupBy.length > 0 ? sql`JOIN label ON label.id = rollups.series_id` : sql``
}

// Labels that are looked up are those of the filters' series.
function chosen(asked: Asked): Fragment {
  const { sql, filters, groupBy } = asked
  if (filters.length === 0 || groupBy.length > 0) return sql``
  return sql`AND rollups.series_id IN (
    SELECT series.id FROM tollgate.series WHERE ${ofLevel(asked)} ${meeting(sql, filters, 'series')})`
}

/** The series of sums that do not tell users apart name none: hundreds, where those of users are as many as users. */
function ofLevel({ sql, byUser }: Asked): Fragment {
  return byUser ? sql`true` : sql`series.user_id IS NULL`
}

// Beside the stretch the whole reach of all: what the statement itself says keeps partitions out of the plan.
function during({ sql, pieces, byUser }: Asked, { grain, target }: Source): Fragment {
  const own = pieces.filter((piece) => piece.grain === grain)
  const first = new Date(own.reduce((least, { from }) => Math.min(least, from), Number.POSITIVE_INFINITY))
  const last = new Date(own.reduce((most, { to }) => Math.max(most, to), Number.NEGATIVE_INFINITY))
  const level = target === 'usage' ? sql`` : sql`rollups.level = ${byUser ? `user_${grain}` : grain} AND`
  const at = sql.unsafe(target === 'usage' ? 'usage.started_at' : 'rollups.at')
  return sql`${level} ${at} >= piece."from" AND ${at} < piece."to" AND ${at} >= ${first} AND ${at} < ${last}`
}

const iso = (at: number): string => new Date(at).toISOString()
