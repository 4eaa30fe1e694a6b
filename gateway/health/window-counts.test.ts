import fc from 'fast-check'
import { expect, test } from 'vitest'
import { start } from './rules.fixture.ts'
import { type Result, WindowCounts } from './window-counts.ts'

test('counts each result by itself', () => {
  const counts = new WindowCounts(30_000, 3_000)
  for (const result of ['succeeded', 'failed', 'succeeded', 'other'] as const) counts.add(result, start)
  expect(counts.within(30_000, start)).toEqual({ succeeded: 2, failed: 1, other: 1 })
})

test('forgets what is longer ago than its longest window, at one stroke too', () => {
  const counts = new WindowCounts(30_000, 3_000)
  counts.add('failed', start)
  expect(counts.within(30_000, start + 30_000).failed).toBe(1)
  expect(counts.within(30_000, start + 34_000).failed).toBe(0)
  counts.add('failed', start + 40_000)
  expect(counts.within(30_000, start + 1e9).failed).toBe(0)
})

test('starts from nothing when cleared', () => {
  const counts = new WindowCounts(30_000, 3_000)
  counts.add('failed', start)
  counts.clear()
  expect(counts.within(30_000, start)).toEqual({ succeeded: 0, failed: 0, other: 0 })
})

test('counts on when the clock is set back', () => {
  const counts = new WindowCounts(30_000, 3_000)
  counts.add('failed', start)
  counts.add('failed', start - 3_600_000)
  expect(counts.within(30_000, start - 3_600_000).failed).toBe(2)
  expect(counts.within(30_000, start).failed).toBe(2)
})

test('finds all of a window, and of the bucket before it at most some', () => {
  const result = fc.constantFrom<Result>('succeeded', 'failed', 'other')
  const events = fc.array(fc.tuple(result, fc.nat(20_000)), { maxLength: 60 })
  fc.assert(
    fc.property(events, fc.integer({ min: 1, max: 60_000 }), fc.nat(90_000), (waits, windowMs, restMs) => {
      const counts = new WindowCounts(60_000, 5_000)
      let at = start
      const happened = waits.map(([kind, waitMs]) => {
        at += waitMs
        counts.add(kind, at)
        return { kind, at }
      })
      at += restMs
      const found = counts.within(windowMs, at)
      for (const kind of ['succeeded', 'failed', 'other'] as const) {
        const since = (ms: number) => happened.filter((event) => event.kind === kind && event.at > at - ms).length
        expect(found[kind]).toBeGreaterThanOrEqual(since(windowMs))
        expect(found[kind]).toBeLessThanOrEqual(since(windowMs + 5_000))
      }
    }),
  )
})
