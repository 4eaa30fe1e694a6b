import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { divideHalfUp, nanoFromUsd, nanoUsd, usdFromNano } from './money.ts'

describe('money', () => {
  test.each([
    [0, '0'],
    [1, '0.000000001'],
    [1500, '0.0000015'],
    [1_000_000_000, '1'],
    [-2_500_000_000, '-2.5'],
    [123_456_789_012_345_678_901n, '123456789012.345678901'],
  ])('%s nano-dollars are $%s', (nano, usd) => {
    expect(usdFromNano(nano)).toBe(usd)
  })

  test.each([
    ['0.15', 150_000_000n],
    ['3e-7', 300n],
    ['1.4e-07', 140n],
    ['2E+2', 200_000_000_000n],
    ['.5', 500_000_000n],
    ['-1', -1_000_000_000n],
    ['0.0000000005', 1n],
    ['0.0000000004', 0n],
  ])('$%s are %s', (usd, nano) => {
    expect(nanoFromUsd(usd)).toBe(nano)
  })

  test('reads what it writes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), (nano) => {
        expect(nanoFromUsd(usdFromNano(nano))).toBe(nano)
      }),
    )
  })

  test('is scaled before it is rounded', () => {
    expect(nanoFromUsd('0.0000000001', 1_000_000n)).toBe(100_000n)
  })

  test.each(['', '.', 'abc', '1,5', '0x10', '1e', 'Infinity'])('%j is no amount', (text) => {
    expect(() => nanoFromUsd(text)).toThrow(RangeError)
  })

  test('is whole', () => {
    expect(() => nanoUsd(1.5)).toThrow(RangeError)
    expect(() => nanoUsd(2 ** 53)).toThrow(RangeError)
  })

  test('is rounded half up', () => {
    expect([5n, 4n, 15n, 25n].map((amount) => divideHalfUp(amount, 10n))).toEqual([1n, 0n, 2n, 3n])
  })
})
