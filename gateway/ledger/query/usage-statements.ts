import { type HistogramName, histograms, type Measure, measures } from '../measures.ts'
import type { Fragment } from '../reading.ts'
import { type Asked, type Column, eachSource, keyNames, listed, stepped, stretches, summed } from './usage-sources.ts'

/** The sum of a measure. */
export function sumOf(measure: Measure): Column {
  return {
    name: measure,
    read: { series: `sum(${measure})::bigint`, usage: `coalesce(sum(${measures[measure]}), 0)::bigint` },
    merged: `sum(use.sign * found.${measure})::bigint`,
  }
}

/** When the first and the last row were. A series whose rows are all gone still says when those were. */
export const times: readonly Column[] = [
  {
    name: 'first_at',
    read: { series: 'min(first_at) FILTER (WHERE rows > 0)', usage: 'min(started_at)' },
    merged: 'min(found.first_at)',
  },
  {
    name: 'last_at',
    read: { series: 'max(last_at) FILTER (WHERE rows > 0)', usage: 'max(started_at)' },
    merged: 'max(found.last_at)',
  },
]

/**
 * Columns by bucket and group: `bucket`, `k0` …, and those asked for. What had rows once and has none any more is no
 * group.
 */
export function sumsStatement(asked: Asked, wanted: readonly Column[], rowsMax: number): Fragment {
  const { sql } = asked
  const columns = [sumOf('rows'), ...wanted]
  const keys = listed(asked, keyNames(asked.groupBy))
  return sql`
    ${stretches(asked)}
    SELECT use.bucket ${keys} ${listed(
      asked,
      columns.map(({ name, merged }) => `${merged} AS ${name}`),
    )}
    FROM (${eachSource(asked, (source) => summed(asked, source, columns))}) AS found
    JOIN use USING (n)
    GROUP BY use.bucket ${keys}
    HAVING sum(use.sign * found.rows) > 0
    LIMIT ${rowsMax}`
}

/** How many rows took which step, by bucket and group: `counts` has a member for each. */
export function histogramStatement(asked: Asked, name: HistogramName, rowsMax: number): Fragment {
  const { sql } = asked
  const keys = listed(asked, keyNames(asked.groupBy))
  return sql`
    ${stretches(asked)}
    SELECT bucket ${keys}, json_object_agg(step, rows) AS counts
    FROM (
      SELECT use.bucket ${keys}, found.step, sum(use.sign * found.rows)::bigint AS rows
      FROM (${eachSource(asked, (source) => stepped(asked, source, histograms[name]))}) AS found
      JOIN use USING (n)
      WHERE found.rows <> 0
      GROUP BY use.bucket ${keys}, found.step
    ) AS counted
    WHERE rows <> 0
    GROUP BY bucket ${keys}
    LIMIT ${rowsMax}`
}

/**
 * How many users, by bucket and group, by group, by bucket, and in all. They are no sum; what is taken away is taken from
 * each user alone, and who has rows left was there.
 */
export function usersStatement(asked: Asked, rowsMax: number): Fragment {
  const { sql, groupBy } = asked
  const single: Asked = { ...asked, byUser: true, groupBy: [...groupBy, 'org', 'user'] }
  const names = keyNames(groupBy)
  const all = listed(asked, keyNames(single.groupBy))
  const keys = listed(asked, names)
  const user = sql.unsafe(keyNames(single.groupBy).slice(-2).join(', '))
  const sets = names.length > 0 ? `(bucket, ${names}), (${names}), (bucket), ()` : '(bucket), ()'
  return sql`
    ${stretches(single)}
    SELECT bucket ${keys}, grouping(bucket) = 1 AS every_bucket,
      ${sql.unsafe(names.length > 0 ? 'grouping(k0) = 1' : 'true')} AS every_group, count(DISTINCT (${user}))::integer AS users
    FROM (
      SELECT use.bucket ${all}
      FROM (${eachSource(single, (source) => summed(single, source, [sumOf('rows')]))}) AS found
      JOIN use USING (n)
      GROUP BY use.bucket ${all}
      HAVING sum(use.sign * found.rows) > 0
    ) AS active
    WHERE ${sql.unsafe(keyNames(single.groupBy).at(-1) ?? '')} IS NOT NULL
    GROUP BY GROUPING SETS (${sql.unsafe(sets)})
    LIMIT ${rowsMax}`
}
