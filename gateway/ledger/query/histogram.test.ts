import { expect, test } from 'vitest'
import { percentileOf, stepWidth } from './histogram.ts'

test('a percentile lies in the step of the exact one', () => {
  const values = Array.from({ length: 1_000 }, (_, i) => 1.5 ** (i / 50))
  const steps = new Map<number, number>()
  for (const ms of values) {
    const step = Math.floor(Math.log2(ms) * 8) + 1
    steps.set(step, (steps.get(step) ?? 0) + 1)
  }
  for (const share of [0.01, 0.5, 0.95, 0.99, 1]) {
    const exact = values[Math.ceil(share * values.length) - 1] ?? 0
    expect(Math.abs((percentileOf(steps, share) ?? 0) - exact) / exact).toBeLessThanOrEqual(stepWidth)
  }
})

test('of nothing there is none, and below a millisecond it is below one', () => {
  expect(percentileOf(new Map(), 0.5)).toBeNull()
  expect(percentileOf(new Map([[4, 0]]), 0.5)).toBeNull()
  expect(percentileOf(new Map([[0, 3]]), 0.5)).toBeLessThan(1)
})
