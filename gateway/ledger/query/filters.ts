import type { Fragment, Reader } from '../reading.ts'
import { type Dimension, placeOf } from './dimensions.ts'

/** Which rows are meant, by one dimension. */
export interface Filter {
  readonly dimension: Dimension
  /** `contains` looks for a part of the text, whatever its case. */
  readonly op: 'in' | 'not_in' | 'contains' | 'not_contains'
  /** One of them is enough. `null` is what does not say. */
  readonly values: readonly (string | null)[]
}

/** Where a filter is put to: the labels of sums, or rows themselves. */
export type Target = 'series' | 'usage'

/** The filter that takes just this. */
export function only(dimension: Dimension, ...values: Filter['values']): Filter {
  return { dimension, op: 'in', values }
}

/** All of them as conditions to go on with: ` AND (key_id = …) …`. Names come from a table, never from outside. */
export function meeting(sql: Reader, filters: readonly Filter[], target: Target): Fragment {
  return filters.reduce((sum: Fragment, filter) => sql`${sum} AND ${conditionOf(sql, filter, target)}`, sql``)
}

/** A dimension as an expression. */
export function expressionOf(sql: Reader, dimension: Dimension, target: Target): Fragment {
  const place = placeOf(dimension)
  if ('metadata' in place) return sql`(usage.metadata ->> ${place.metadata}::text)`
  const text = place[target]
  if (text === undefined) throw new Error(`sums do not tell ${dimension} apart`)
  return sql`${sql.unsafe(text)}`
}

function conditionOf(sql: Reader, { dimension, op, values }: Filter, target: Target): Fragment {
  const label = expressionOf(sql, dimension, target)
  const named = values.filter((value) => value !== null)
  const matching = op.endsWith('in') ? [amongst(sql, label, named)] : named.map((part) => sql`${has(sql, label, part)}`)
  const ways = [...matching, ...(values.includes(null) ? [sql`${label} IS NULL`] : [])]
  const met = ways.reduce((sum, way) => sql`${sum} OR ${way}`, sql`false`)
  // What does not say is none of the names: of `not_in` it is left out by `null` alone.
  return op.startsWith('not') ? sql`((${met}) IS NOT TRUE)` : sql`(${met})`
}

function amongst(sql: Reader, label: Fragment, names: readonly string[]): Fragment {
  return names.length === 0 ? sql`false` : sql`${label} IN ${sql(names)}`
}

function has(sql: Reader, label: Fragment, part: string): Fragment {
  return sql`strpos(lower(${label}), lower(${part}::text)) > 0`
}
