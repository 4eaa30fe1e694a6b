import type { HistogramName, Measure } from '../measures.ts'
import { type Metric, ruleOf, type Tally, type Value } from './metrics.ts'

/** A row of an answer: its bucket, the labels of its group, and what was asked for. */
export type PointRow = Readonly<Record<string, unknown>>

/** What has been added up of one group and bucket. Everything but users can be added; of those it is told. */
class GrowingTally implements Tally {
  readonly #sums = new Map<string, bigint>()
  readonly #histograms = new Map<HistogramName, Map<number, number>>()
  firstAt: number | undefined
  lastAt: number | undefined
  users = 0

  sum(measure: Measure): bigint {
    return this.#sums.get(measure) ?? 0n
  }

  histogram(name: HistogramName): ReadonlyMap<number, number> {
    return this.#histograms.get(name) ?? new Map()
  }

  add(measures: readonly Measure[], row: PointRow): void {
    for (const measure of measures) {
      const sum = row[measure]
      if (typeof sum === 'bigint') this.#sums.set(measure, this.sum(measure) + sum)
    }
    const { first_at: first, last_at: last } = row
    if (first instanceof Date) this.firstAt = Math.min(this.firstAt ?? Number.POSITIVE_INFINITY, first.getTime())
    if (last instanceof Date) this.lastAt = Math.max(this.lastAt ?? Number.NEGATIVE_INFINITY, last.getTime())
  }

  count(name: HistogramName, counts: Readonly<Record<string, number>>): void {
    const histogram = this.#histograms.get(name) ?? new Map<number, number>()
    this.#histograms.set(name, histogram)
    for (const [step, rows] of Object.entries(counts)) {
      histogram.set(Number(step), (histogram.get(Number(step)) ?? 0) + rows)
    }
  }
}

interface Group {
  readonly key: readonly (string | null)[]
  readonly whole: GrowingTally
  readonly points: readonly GrowingTally[]
}

/** Adds an answer up: each of its rows to its point, its group, and to those of the total. */
export class Tallies {
  readonly #buckets: number
  readonly #groups = new Map<string, Group>()
  readonly #total: Group

  constructor(buckets: number) {
    this.#buckets = buckets
    this.#total = this.#newGroup([])
  }

  addSums(measures: readonly Measure[], rows: readonly PointRow[]): void {
    for (const row of rows) for (const tally of this.#touched(row)) tally.add(measures, row)
  }

  addCounts(name: HistogramName, rows: readonly PointRow[]): void {
    for (const row of rows) {
      const counts = row['counts'] as Readonly<Record<string, number>>
      for (const tally of this.#touched(row)) tally.count(name, counts)
    }
  }

  setUsers(rows: readonly PointRow[]): void {
    for (const row of rows) {
      const group = row['every_group'] === true ? this.#total : this.#groupOf(row)
      const tally = row['every_bucket'] === true ? group.whole : group.points[Number(row['bucket'])]
      if (tally) tally.users = Number(row['users'])
    }
  }

  told<M extends Metric>(keys: number, metrics: readonly M[]) {
    const tell = ({ key, whole, points }: Group) => ({
      key,
      values: valuesOf(metrics, whole),
      points: points.map((tally) => valuesOf(metrics, tally)),
    })
    const groups = keys > 0 ? [...this.#groups.values()].sort((a, b) => order(a.key, b.key)) : []
    return { total: tell(this.#total), groups: groups.map(tell) }
  }

  #touched(row: PointRow): readonly GrowingTally[] {
    const bucket = Number(row['bucket'])
    return [this.#groupOf(row), this.#total].flatMap(({ whole, points }) => [whole, points[bucket] ?? whole])
  }

  #groupOf(row: PointRow): Group {
    const key: (string | null)[] = []
    for (let place = 0; `k${place}` in row; place++) {
      const label = row[`k${place}`]
      key.push(typeof label === 'string' ? label : null)
    }
    const name = JSON.stringify(key)
    const group = this.#groups.get(name) ?? this.#newGroup(key)
    this.#groups.set(name, group)
    return group
  }

  #newGroup(key: Group['key']): Group {
    return { key, whole: new GrowingTally(), points: Array.from({ length: this.#buckets }, () => new GrowingTally()) }
  }
}

function valuesOf<M extends Metric>(metrics: readonly M[], tally: Tally): Readonly<Record<M, Value>> {
  return Object.fromEntries(metrics.map((metric) => [metric, ruleOf(metric).value(tally)])) as Record<M, Value>
}

/** Names in their order, nobody's last. */
function order(a: Group['key'], b: Group['key']): number {
  for (const [place, label] of a.entries()) {
    const other = b[place] ?? null
    if (label === other) continue
    if (label === null) return 1
    if (other === null) return -1
    return label < other ? -1 : 1
  }
  return 0
}
