/**
 * How many rows took how long, by the steps of `tollgate.duration_step`: eight to a doubling, so that a step is 9 % wide.
 * Two of them added are that of both together, which no percentiles are.
 */
export type Histogram = ReadonlyMap<number, number>

/** By how much a percentile may be off: it is in the step of the exact one, whose ends are this far apart. */
export const stepWidth = 2 ** (1 / 8) - 1

const lastStep = 200

/** The value that this share of rows does not exceed; between the ends of its step it is interpolated. */
export function percentileOf(histogram: Histogram, share: number): number | null {
  const steps = [...histogram].filter(([, count]) => count > 0).sort(([a], [b]) => a - b)
  const total = steps.reduce((sum, [, count]) => sum + count, 0)
  // By nearest rank: that of one row is the row, and that of all the last.
  const rank = Math.max(1, Math.ceil(share * total))
  let before = 0
  for (const [step, count] of steps) {
    if (before + count >= rank) return within(step, (rank - before - 0.5) / count)
    before += count
  }
  return null
}

function within(step: number, share: number): number {
  if (step === 0) return share
  if (step >= lastStep) return startOf(lastStep)
  return startOf(step) * 2 ** (share / 8)
}

/** Where a step begins, in milliseconds. */
function startOf(step: number): number {
  return 2 ** ((step - 1) / 8)
}
