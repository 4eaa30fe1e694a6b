import { dayMs, quarterMs } from '../../domain/day.ts'
import type { Stretch } from './time-buckets.ts'

/**
 * Which sums make up a range. Sums of UTC days are few, those of its sixths of a day more, those of its quarters of an hour
 * many, rows most of all. Every measure is a sum, so a day of another zone is the UTC day without what lies before its
 * midnight and with what lies before the next; and those are six hours, and a few quarters more or less. It is exact,
 * and twelve quarters at most are read for a midnight, where a day has 96.
 */
export type Grain = 'day' | '6h' | '15m' | 'row'

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
  /** Whether users are told apart, of whom there are no sums of six hours. */
  readonly byUser: boolean
}

/** One kind of sums. What it costs: a day has more series than a quarter of an hour, but far from 96 times as many. */
interface Step {
  readonly grain: Grain
  readonly ms: number
  readonly cost: number
}

const days: Step = { grain: 'day', ms: dayMs, cost: 4 }
const sixths: Step = { grain: '6h', ms: dayMs / 4, cost: 2 }
const quarters: Step = { grain: '15m', ms: quarterMs, cost: 1 }
const costs: Readonly<Record<Grain, Step | undefined>> = { day: days, '6h': sixths, '15m': quarters, row: undefined }

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

function readsOf({ from, to }: Stretch, { rowsOnly, subtract, byUser }: PlanRules): readonly Read[] {
  const first = up(from, quarterMs)
  const last = down(to, quarterMs)
  if (rowsOnly || first > last) return [read('row', from, to)]
  const steps = byUser ? [days, quarters] : [days, sixths, quarters]
  const ways = [inward, ...(subtract ? [nearest] : [])].map((ends) => cover(first, last, steps, ends))
  const [best = []] = ways.toSorted((a, b) => costOf(a) - costOf(b))
  return [read('row', from, first), ...best, read('row', last, to)]
}

/** Which whole steps stand for a stretch. */
type Ends = (from: number, to: number, stepMs: number) => readonly [first: number, last: number]

/** Those inside: nothing is ever too much. */
const inward: Ends = (from, to, stepMs) => [up(from, stepMs), down(to, stepMs)]

/** Those whose ends lie nearest: what is too much is taken away. */
const nearest: Ends = (from, to, stepMs) => [round(from, stepMs), round(to, stepMs)]

/** A stretch by the longest steps, and what is left at its ends by shorter ones. From its end to its beginning, less all that. */
function cover(from: number, to: number, [step, ...shorter]: readonly Step[], ends: Ends): readonly Read[] {
  if (!step || from === to) return []
  if (from > to) {
    return cover(to, from, [step, ...shorter], ends).map((each) => ({ ...each, sign: each.sign === 1 ? -1 : 1 }))
  }
  const [first, last] = ends(from, to, step.ms)
  if (first >= last) return cover(from, to, shorter, ends)
  return [...cover(from, first, shorter, ends), read(step.grain, first, last), ...cover(last, to, shorter, ends)]
}

function read(grain: Grain, from: number, to: number): Read {
  return { grain, from, to, sign: 1 }
}

function costOf(reads: readonly Read[]): number {
  return reads.reduce((sum, { grain, from, to }) => {
    const { ms, cost } = costs[grain] ?? quarters
    return sum + ((to - from) / ms) * cost
  }, 0)
}

function up(at: number, stepMs: number): number {
  return Math.ceil(at / stepMs) * stepMs
}

function down(at: number, stepMs: number): number {
  return Math.floor(at / stepMs) * stepMs
}

function round(at: number, stepMs: number): number {
  return Math.round(at / stepMs) * stepMs
}
