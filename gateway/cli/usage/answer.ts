import { usdFromNano } from '../../domain/money.ts'
import type { Range } from '../../http/range.ts'
import type { Dimension } from '../../ledger/query/dimensions.ts'
import { type Metric, ruleOf, type Value } from '../../ledger/query/metrics.ts'
import type { Interval } from '../../ledger/query/time-buckets.ts'
import type { UsageAnswer, Values } from '../../ledger/query/usage-sums.ts'
import { count, duration, percent } from '../format.ts'
import { type Cell, table } from '../table.ts'

export interface Shown {
  readonly answer: UsageAnswer<Metric>
  readonly metrics: readonly Metric[]
  readonly groupBy: readonly Dimension[]
  readonly interval: Interval | undefined
  readonly range: Range
}

interface Line {
  readonly bucket: string | undefined
  readonly key: readonly (string | null)[]
  readonly values: Values<Metric>
}

/** For people: unknown is a dash, money is exact, the total comes last. */
export function tableOf(shown: Shown): string {
  const { answer, metrics, groupBy, interval } = shown
  const columns = [
    ...(interval ? [{ head: `FROM ${shown.range.timeZone}` }] : []),
    ...groupBy.map((name) => ({ head: name.toUpperCase() })),
    ...metrics.map((metric) => ({ head: metric.toUpperCase(), align: 'right' as const })),
  ]
  const row = ({ bucket, key, values }: Line): readonly Cell[] => [
    ...(bucket === undefined ? [] : [bucket]),
    ...key.map((label) => label ?? '—'),
    ...metrics.map((metric) => words(metric, values[metric])),
  ]
  const lines = linesOf(shown)
  const alone = groupBy.length === 0 && interval === undefined
  const labels = (interval ? 1 : 0) + groupBy.length
  const total: readonly Cell[] = [
    ...Array.from({ length: labels }, (_, place) => (place === 0 ? 'total' : '')),
    ...metrics.map((metric): Cell => ({ text: words(metric, answer.total.values[metric]), style: 'bold' })),
  ]
  return table(columns, [...lines.map(row), ...(alone ? [] : [total])])
}

/** For programs: exact, empty where nothing is known; what a spreadsheet would take for a formula is quoted. */
export function csvOf(shown: Shown): string {
  const { metrics, groupBy, interval } = shown
  const head = [...(interval ? ['from'] : []), ...groupBy, ...metrics]
  const rows = linesOf(shown).map(({ bucket, key, values }) => [
    ...(bucket === undefined ? [] : [bucket]),
    ...key.map((label) => (label === null ? '' : label.replace(/^[=+\-@\t\r]/, "'$&"))),
    ...metrics.map((metric) => String(plain(metric, values[metric]) ?? '')),
  ])
  return [head, ...rows].map((cells) => cells.map(quoted).join(',')).join('\r\n')
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** The answer as a document: money as decimal strings, times in ISO form, `null` for what is unknown. */
export function documentOf({ answer, metrics, groupBy, interval, range }: Shown) {
  const told = (values: Values<Metric>) => Object.fromEntries(metrics.map((name) => [name, plain(name, values[name])]))
  const points = (all: readonly Values<Metric>[]) =>
    interval && {
      points: all.map((values, place) => ({ from: iso(answer.buckets[place]?.from ?? range.from), ...told(values) })),
    }
  return {
    range: { from: iso(range.from), to: iso(range.to), tz: range.timeZone, half_open: true },
    interval: interval ?? null,
    source: answer.source,
    notes: answer.notes,
    totals: told(answer.total.values),
    ...points(answer.total.points),
    ...(groupBy.length > 0 && {
      group_by: groupBy,
      groups: answer.groups.map((group) => ({
        key: Object.fromEntries(groupBy.map((name, place) => [name, group.key[place] ?? null])),
        totals: told(group.values),
        ...points(group.points),
      })),
    }),
  }
}

/** A line a group and interval. */
function linesOf({ answer, groupBy, interval, range }: Shown): readonly Line[] {
  const groups = groupBy.length > 0 ? answer.groups : [answer.total]
  if (interval === undefined) return groups.map(({ key, values }) => ({ bucket: undefined, key, values }))
  return answer.buckets.flatMap(({ from }, place) =>
    groups.flatMap(({ key, points }) => {
      const values = points[place]
      return values ? [{ bucket: localTime(from, interval, range.timeZone), key, values }] : []
    }),
  )
}

function localTime(at: number, interval: Interval, timeZone: string): string {
  const here = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone)
  if (interval !== '15m' && interval !== 'hour') return here.toPlainDate().toString()
  // With its offset: the hour that a clock shows twice is two.
  return here.toString({ smallestUnit: 'minute', timeZoneName: 'never' })
}

function plain(metric: Metric, value: Value): string | number | null {
  if (value === null) return null
  if (typeof value === 'bigint') return usdFromNano(value)
  return ruleOf(metric).unit === 'instant' ? iso(value) : value
}

/** A number as people read it. */
export function words(metric: Metric, value: Value): string {
  if (value === null) return '—'
  if (typeof value === 'bigint') return `$${usdFromNano(value)}`
  switch (ruleOf(metric).unit) {
    case 'ms':
      return duration(value)
    case 'share':
      return percent(value)
    case 'instant':
      return iso(value)
    default:
      return Number.isInteger(value) ? count(value) : value.toFixed(2)
  }
}

const iso = (at: number): string => new Date(at).toISOString()
