/**
 * Money is whole nano-dollars (10⁻⁹ USD). A `number` holds one call's cost exactly (2^53 nano-dollars are 9 million
 * dollars); sums that may pass that are `bigint`.
 */
export type NanoUsd = number & { readonly unit: 'nanoUsd' }

export function nanoUsd(amount: number): NanoUsd {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`not a whole number of nano-dollars: ${amount}`)
  return amount as NanoUsd
}

/** The exact decimal, without an exponent and without trailing zeros: `1500` is `"0.0000015"`. */
export function usdFromNano(amount: number | bigint): string {
  // Nine digits stand behind the point: no arithmetic, least of all in bigint, of which each call would need some.
  const digits = String(amount < 0 ? -amount : amount).padStart(10, '0')
  const sign = amount < 0 ? '-' : ''
  const whole = digits.slice(0, -9)
  const fraction = digits.slice(-9).replace(/0+$/, '')
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`
}

/** Reads a decimal number of dollars (`"0.15"`, `"3e-7"`) as nano-dollars times `scale`, rounded half up, without floats. */
export function nanoFromUsd(decimal: string, scale = 1n): bigint {
  const match = /^(-?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(decimal.trim())
  if (!match || (match[2] === '' && (match[3] ?? '') === '')) throw new RangeError(`not a decimal number: ${decimal}`)
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const digits = BigInt(`${whole}${fraction}` || '0') * scale
  const shift = 9 - fraction.length + Number(exponent)
  const magnitude = shift >= 0 ? digits * 10n ** BigInt(shift) : divideHalfUp(digits, 10n ** BigInt(-shift))
  return sign === '-' ? -magnitude : magnitude
}

/** Division of non-negative whole numbers, rounded half up: the one rounding that a cost goes through. */
export function divideHalfUp(dividend: bigint, divisor: bigint): bigint {
  return (2n * dividend + divisor) / (2n * divisor)
}
