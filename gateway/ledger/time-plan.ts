import { quarterMs, type Stretch } from './time-buckets.ts'

/**
 * Which sums make up a range. Sums of UTC days are few, those of its quarters of an hour many, rows most of all. Every
 * measure is a sum, so a day of another zone is the UTC day without the quarters before its midnight and with those
 * before the next: exact, and read from a third of what its 96 quarters are.
 */
export type Grain = 'day' | '15m' | 'row'

/** A stretch that is read once, and what it is added to or taken from. */
export interface Piece extends Stretch {
  readonly grain: Grain
  readonly uses: readonly Use[]
}

export interface Use {
  /** Which bucket, by its place. */
  readonly bucket: number
  readonly sign: 1 | -1
}

export interface PlanRules {
  /** Whether sums are enough, or something is asked that only rows say. */
  readonly rowsOnly: boolean
  /** Whether stretches may be taken away: no first or last time could be. */
  readonly subtract: boolean
}

const dayMs = 86_400_000

/** A day has more series than a quarter, but far from 96 times as many. */
const dayCost = 4

/** What to read for these buckets; what several of them need is read once. */
export function planOf(buckets: readonly Stretch[], rules: PlanRules): readonly Piece[] {
  const pieces = new Map<string, { readonly grain: Grain; readonly from: number; readonly to: number; uses: Use[] }>()
  for (const [bucket, stretch] of buckets.entries()) {
    for (const { grain, from, to, sign } of readsOf(stretch, rules)) {
      if (from >= to) continue
      const name = `${grain} ${from} ${to}`
      const piece = pieces.get(name) ?? { grain, from, to, uses: [] }
      piece.uses.push({ bucket, sign })
      pieces.set(name, piece)
    }
  }
  return [...pieces.values()]
}

/** The end that a question has: nothing is there yet beyond now, so the day may be taken whole. */
export function endOf(to: number, now: number): number {
  return to < now ? to : up(to, dayMs)
}

interface Read extends Stretch {
  readonly grain: Grain
  readonly sign: 1 | -1
}

function readsOf({ from, to }: Stretch, { rowsOnly, subtract }: PlanRules): readonly Read[] {
  const first = up(from, quarterMs)
  const last = down(to, quarterMs)
  if (rowsOnly || first > last) return [read('row', from, to)]
  const inside = [additive(first, last), ...(subtract ? [signed(first, last)] : [])]
  const [best = []] = inside.toSorted((a, b) => costOf(a) - costOf(b))
  return [read('row', from, first), ...best, read('row', last, to)]
}

/** The UTC days inside, and the quarters before and after them. */
function additive(from: number, to: number): readonly Read[] {
  const first = up(from, dayMs)
  const last = down(to, dayMs)
  if (first >= last) return [read('15m', from, to)]
  return [read('15m', from, first), read('day', first, last), read('15m', last, to)]
}

/** The UTC days from the midnight that is nearest to the one nearest to the end, and what is wrong about that. */
function signed(from: number, to: number): readonly Read[] {
  const first = nearest(from)
  const last = nearest(to)
  if (first >= last) return [read('15m', from, to)]
  return [
    from < first ? read('15m', from, first) : read('15m', first, from, -1),
    read('day', first, last),
    to > last ? read('15m', last, to) : read('15m', to, last, -1),
  ]
}

function read(grain: Grain, from: number, to: number, sign: 1 | -1 = 1): Read {
  return { grain, from, to, sign }
}

function costOf(reads: readonly Read[]): number {
  return reads.reduce(
    (sum, { grain, from, to }) => sum + (grain === 'day' ? ((to - from) / dayMs) * dayCost : (to - from) / quarterMs),
    0,
  )
}

function up(at: number, stepMs: number): number {
  return Math.ceil(at / stepMs) * stepMs
}

function down(at: number, stepMs: number): number {
  return Math.floor(at / stepMs) * stepMs
}

function nearest(at: number): number {
  return Math.round(at / dayMs) * dayMs
}
