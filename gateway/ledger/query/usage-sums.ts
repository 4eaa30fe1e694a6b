import { type Day, dayMs, dayOf } from '../../domain/day.ts'
import type { Database } from '../database.ts'
import type { HistogramName, Measure } from '../measures.ts'
import { type Reader, reading } from '../reading.ts'
import type { Scope } from '../roles.ts'
import { type Dimension, isOfRows } from './dimensions.ts'
import type { Filter } from './filters.ts'
import { stepWidth } from './histogram.ts'
import { type Metric, ruleOf, type Value } from './metrics.ts'
import { bucketsOf, type Interval, type Stretch, TooManyPoints } from './time-buckets.ts'
import { endOf, type Piece, planOf } from './time-plan.ts'
import type { Asked } from './usage-sources.ts'
import { histogramStatement, sumOf, sumsStatement, times, usersStatement } from './usage-statements.ts'
import { Tallies } from './usage-tally.ts'

export interface UsageQuestion<M extends Metric = Metric> {
  readonly scope: Scope
  readonly metrics: readonly M[]
  /** All of them have to be met. */
  readonly filters?: readonly Filter[]
  readonly groupBy?: readonly Dimension[]
  readonly interval?: Interval | undefined
  /** Milliseconds since the epoch; from the first on, up to before the second. From 0: all there is. */
  readonly from: number
  readonly to: number
  /** An end that is not before it is no end: all that there is belongs to the range. */
  readonly now: number
  /** Whose days are meant: an IANA name, UTC without one. */
  readonly timeZone?: string
  /** 1 is Monday, as without it; 7 is Sunday. */
  readonly weekStart?: number
}

export type Values<M extends Metric> = Readonly<Record<M, Value>>

export interface UsageGroup<M extends Metric> {
  /** A label for each dimension of the breakdown; `null` where rows do not say. */
  readonly key: readonly (string | null)[]
  readonly values: Values<M>
  /** One a bucket, also where nothing was. */
  readonly points: readonly Values<M>[]
}

export interface UsageAnswer<M extends Metric> {
  /** The intervals of the range; the first and the last may be cut short. Without an interval, the range. */
  readonly buckets: readonly Stretch[]
  /** Of all groups, with no key. What is a sum is that of the groups, and of the points. */
  readonly total: UsageGroup<M>
  /** Without a breakdown none. */
  readonly groups: readonly UsageGroup<M>[]
  /** What the answer was read from. */
  readonly source: 'rollups' | 'user_rollups' | 'rows'
  /** What has to be known about the numbers. */
  readonly notes: readonly string[]
}

/** Buckets times groups: more is nothing that anybody looks at. */
const pointsMax = 20_000

/**
 * The one place that usage is added up in. All parts of an answer see one moment; those of a breakdown add up to its
 * total, and both to what rows say: a call is counted once, where its last attempt (or its refusal) is.
 */
export async function usageSums<M extends Metric>(
  database: Database,
  question: UsageQuestion<M>,
): Promise<UsageAnswer<M>> {
  const { scope, filters = [], groupBy = [], metrics, interval, timeZone = 'UTC', weekStart = 1 } = question
  const needs = needsOf(metrics)
  const source = sourceOf(question, needs)
  return reading(database, scope, async (sql) => {
    const from = question.from > 0 ? question.from : await beginning(sql, question)
    const buckets = bucketsOf({ from, to: question.to }, interval, { timeZone, weekStart })
    const tallies = new Tallies(buckets.length)
    const pieces = planOf(toTheEnd(buckets, question), {
      rowsOnly: source === 'rows',
      subtract: !needs.times,
      byUser: source === 'user_rollups' || needs.users,
    })
    const asked: Asked = { sql, pieces, filters, groupBy, byUser: source === 'user_rollups' }
    const rowsMax = pointsMax + 1
    const columns = [...needs.measures.map(sumOf), ...(needs.times ? times : [])]
    if (columns.length > 0) tallies.addSums(needs.measures, bounded(await sumsStatement(asked, columns, rowsMax)))
    for (const name of needs.histograms) {
      tallies.addCounts(name, bounded(await histogramStatement(asked, name, rowsMax)))
    }
    if (needs.users) tallies.setUsers(bounded(await usersStatement(asked, rowsMax)))
    const notes = [...notesOf(needs, source), ...(source === 'rows' ? [] : await goneEnds(sql, pieces))]
    return { buckets, ...tallies.told(groupBy.length, metrics), source, notes }
  })
}

/** Where sums begin that this scope may see; where there are none, the day of the range's end. */
async function beginning(sql: Reader, { scope, to }: UsageQuestion): Promise<number> {
  const level = scope.user === undefined ? 'day' : 'user_day'
  const [first] = await sql<{ at: Date | null }[]>`SELECT min(at) AS at FROM tollgate.rollups WHERE level = ${level}`
  return Math.min(first?.at?.getTime() ?? to, Math.floor(to / dayMs) * dayMs)
}

/** What ends now is read to the end of its day, since nothing is there yet: so a day may be taken whole. */
function toTheEnd(buckets: readonly Stretch[], { to, now }: UsageQuestion): readonly Stretch[] {
  return buckets.map((bucket, place) => (place === buckets.length - 1 ? { ...bucket, to: endOf(to, now) } : bucket))
}

/** The ends of a range that are no quarters are read from rows: what was there is missing where those are gone. */
async function goneEnds(sql: Reader, pieces: readonly Piece[]): Promise<readonly string[]> {
  const ends = pieces.filter(({ grain }) => grain === 'row')
  if (ends.length === 0) return []
  const [kept] = await sql<{ since: Day }[]>`SELECT to_char(rows_since, 'YYYY-MM-DD') AS since FROM tollgate.retention`
  const since = kept?.since ?? ''
  if (ends.every(({ from }) => dayOf(from) >= since)) return []
  return [
    `single rows are kept since ${since}: what lies between an end before that and its quarter of an hour is missing`,
  ]
}

interface Needs {
  readonly measures: readonly Measure[]
  readonly histograms: readonly HistogramName[]
  readonly times: boolean
  readonly users: boolean
}

function needsOf(metrics: readonly Metric[]): Needs {
  const rules = metrics.map(ruleOf)
  return {
    measures: [...new Set(rules.flatMap(({ needs }) => needs))],
    histograms: [...new Set(rules.flatMap(({ histogram }) => histogram ?? []))],
    times: rules.some(({ also }) => also === 'times'),
    users: rules.some(({ also }) => also === 'users'),
  }
}

function sourceOf({ scope, filters = [], groupBy = [] }: UsageQuestion, needs: Needs): UsageAnswer<Metric>['source'] {
  const dimensions = [...groupBy, ...filters.map(({ dimension }) => dimension)]
  if (dimensions.some(isOfRows)) return 'rows'
  if (scope.user === undefined && !dimensions.includes('user')) return 'rollups'
  // Sums that tell users apart know no durations.
  return needs.histograms.length > 0 ? 'rows' : 'user_rollups'
}

function notesOf(needs: Needs, source: UsageAnswer<Metric>['source']): readonly string[] {
  const off = Math.ceil(stepWidth * 1_000) / 10
  return [
    ...(needs.histograms.length > 0 ? [`percentiles are merged from histograms, ±${off} % at most`] : []),
    ...(needs.users ? ['active users are counted, not estimated'] : []),
    ...(source === 'rows' ? ['read from single rows, which are kept for a shorter time than sums'] : []),
  ]
}

function bounded<T>(rows: readonly T[]): readonly T[] {
  if (rows.length <= pointsMax) return rows
  throw new TooManyPoints(`The answer would have more than ${pointsMax} points.`)
}
