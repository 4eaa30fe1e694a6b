import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { costOf } from './cost.ts'
import { nanoFromUsd, usdFromNano } from './money.ts'
import { type Part, parts, type Usage } from './usage.ts'

const perMillion = (usd: string) => Number(nanoFromUsd(usd))

describe('costOf', () => {
  test('prices one token of the cheapest kind without losing it', () => {
    const { cost } = costOf({ input: 1, output: 1 }, { input: perMillion('0.15'), output: perMillion('0.6') })
    expect(usdFromNano(cost)).toBe('0.00000075')
  })

  test('rounds once, half up, over the whole sum', () => {
    const rates = { input: 250_000, output: 250_000 }
    expect(costOf({ input: 1 }, rates).cost).toBe(0)
    expect(costOf({ input: 1, output: 1 }, rates).cost).toBe(1)
    expect(costOf({ input: 3, output: 2 }, rates).cost).toBe(1)
    expect(costOf({ input: 3, output: 3 }, rates).cost).toBe(2)
  })

  test('names the parts that were used and have no rate, and prices the rest', () => {
    expect(costOf({ input: 1_000_000, images: 2, output: 0, seconds: 0 }, { input: 5 })).toEqual({
      cost: 5,
      missing: ['images'],
    })
  })

  test('tells a rate of nothing from no rate', () => {
    expect(costOf({ input: 10 }, { input: 0 })).toEqual({ cost: 0, missing: [] })
  })

  test('prices fractions of a second as the decimal that was stated', () => {
    // 0.1 + 0.2 in doubles is not 0.3; 12.3 s at $0.36 an hour are exactly $0.00123.
    expect(usdFromNano(costOf({ seconds: 12.3 }, { seconds: perMillion('100') }).cost)).toBe('0.00123')
    expect(costOf({ seconds: 0.0000005 }, { seconds: 1_000_000_000_000 }).cost).toBe(1)
    expect(costOf({ seconds: 0.00000049 }, { seconds: 1_000_000_000_000 }).cost).toBe(0)
  })

  test('counts as missing what is no amount, and stays at the bound of a safe number', () => {
    expect(
      costOf({ input: Number.NaN, output: -5, seconds: Number.POSITIVE_INFINITY }, { input: 1, output: 1, seconds: 1 }),
    ).toEqual({ cost: 0, missing: ['input', 'output', 'seconds'] })
    expect(costOf({ input: 1e300 }, { input: perMillion('600') }).cost).toBe(Number.MAX_SAFE_INTEGER)
  })

  test('equals exact rational arithmetic in 100,000 random cases', () => {
    const amount = fc.oneof(fc.nat(3_000_000), fc.nat(20), fc.maxSafeNat())
    const rate = fc.oneof(fc.nat(700_000_000_000), fc.nat(1_000_000), fc.nat(14_000_000_000_000))
    const thousandths = fc.nat(100_000_000)
    const row = fc.tuple(fc.constantFrom(...parts), amount, rate, thousandths)
    fc.assert(
      fc.property(fc.uniqueArray(row, { selector: ([part]) => part, maxLength: 8 }), (rows) => {
        const usage: Partial<Record<Part, number>> = {}
        const rates: Partial<Record<Part, number>> = {}
        let dividend = 0n
        for (const [part, whole, perUnits, milli] of rows) {
          usage[part] = part === 'seconds' ? milli / 1000 : whole
          rates[part] = perUnits
          dividend += (part === 'seconds' ? BigInt(milli) : BigInt(whole) * 1000n) * BigInt(perUnits)
        }
        const divisor = 1_000_000_000n
        const floor = dividend / divisor
        const exact = dividend % divisor >= divisor / 2n ? floor + 1n : floor
        const bound = BigInt(Number.MAX_SAFE_INTEGER)
        return BigInt(costOf(usage, rates).cost) === (exact > bound ? bound : exact)
      }),
      { numRuns: 100_000 },
    )
  })
})

const recordings = process.env['TOLLGATE_RECORDINGS']

interface CostCase {
  readonly id: string
  readonly rates_usd_per_mtok: Readonly<Record<string, string>>
  readonly billed_components: Readonly<Record<string, number>>
  readonly cost_usd: string
}

const partOf: Readonly<Record<string, Part>> = {
  cache_write: 'cache_write_5m',
  audio_in: 'input_audio',
  audio_out: 'output_audio',
  batch_input: 'input',
  batch_output: 'output',
}

describe.skipIf(!recordings)('the cost cases, at the rates that they pin', () => {
  const file = recordings ? readFileSync(join(recordings, '..', 'cost-cases.json'), 'utf8') : '{"cases":[]}'
  const { cases } = JSON.parse(file) as { cases: readonly CostCase[] }

  test.for(cases)('$id costs $cost_usd', ({ rates_usd_per_mtok: pinned, billed_components: billed, cost_usd }) => {
    const usage: Usage = Object.fromEntries(
      Object.entries(billed).map(([name, units]) => [partOf[name] ?? name, units]),
    )
    const rates = Object.fromEntries(
      Object.entries(pinned).map(([name, usd]) => [partOf[name] ?? name, perMillion(usd)]),
    )
    expect(usdFromNano(costOf(usage, rates).cost)).toBe(cost_usd)
  })

  test('are there', () => expect(cases.length).toBeGreaterThanOrEqual(30))
})
