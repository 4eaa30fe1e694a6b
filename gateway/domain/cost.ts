import { type NanoUsd, nanoUsd } from './money.ts'
import type { Part, Usage } from './usage.ts'

const million = 1_000_000

export interface Cost {
  readonly cost: NanoUsd
  /** Parts that were used and have no rate: unknown, and not in `cost`. */
  readonly missing: readonly Part[]
}

/**
 * Units times rates (nano-dollars per million units), summed exactly and rounded once, half up. Never throws: units
 * that are no amount count as missing, and a sum beyond 2^53 nano-dollars (9 million dollars) stays at that bound.
 */
export function costOf(usage: Usage, rates: Readonly<Partial<Record<Part, number>>>): Cost {
  const missing: Part[] = []
  let sum = 0
  let exact = true
  for (const name in usage) {
    const part = name as Part
    const units = usage[part]
    if (units === undefined || units === 0) continue
    const rate = rates[part]
    if (rate === undefined || !(units > 0 && units < Number.POSITIVE_INFINITY)) {
      missing.push(part)
      continue
    }
    sum += units * rate
    exact &&= Number.isInteger(units)
  }
  // Below 2^53 every product and partial sum was a whole number that a double holds exactly.
  const cost = exact && sum <= Number.MAX_SAFE_INTEGER ? roundHalfUp(sum) : exactCost(usage, rates, missing)
  return { cost: nanoUsd(cost), missing }
}

function roundHalfUp(sum: number): number {
  const rest = sum % million
  return (sum - rest) / million + (rest * 2 >= million ? 1 : 0)
}

function exactCost(usage: Usage, rates: Readonly<Partial<Record<Part, number>>>, missing: readonly Part[]): number {
  const terms: { units: Decimal; rate: bigint }[] = []
  for (const name in usage) {
    const part = name as Part
    const units = usage[part]
    const rate = rates[part]
    if (units && rate !== undefined && !missing.includes(part))
      terms.push({ units: decimalOf(units), rate: BigInt(rate) })
  }
  const places = terms.reduce((most, { units }) => Math.max(most, units.places), 0)
  const sum = terms.reduce(
    (total, { units, rate }) => total + units.digits * rate * 10n ** BigInt(places - units.places),
    0n,
  )
  const divisor = BigInt(million) * 10n ** BigInt(places)
  const cost = (2n * sum + divisor) / (2n * divisor)
  return cost > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(cost)
}

interface Decimal {
  readonly digits: bigint
  readonly places: number
}

// Only `seconds` come in fractions. A double stands for the shortest decimal that names it: 12.3 is meant as 12.3.
function decimalOf(amount: number): Decimal {
  const [mantissa = '', exponent = '0'] = String(amount).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const places = fraction.length - Number(exponent)
  const digits = BigInt(whole + fraction)
  return places >= 0 ? { digits, places } : { digits: digits * 10n ** BigInt(-places), places: 0 }
}
