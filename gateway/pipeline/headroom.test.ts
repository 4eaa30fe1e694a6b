import { expect, test } from 'vitest'
import { limitOf, type Measure } from '../domain/limit.ts'
import { start } from '../health/rules.fixture.ts'
import { Headroom } from './headroom.ts'

const standing = (measure: Measure, used: number, max: number, resetMs: number) => ({
  limit: limitOf('connection', 'main', measure, max),
  used,
  held: 0,
  resetMs,
})

test('is all there while nothing is known', () => {
  expect(new Headroom().share('main', start)).toBe(0)
})

test('is that of the limit that is used most', () => {
  const headroom = new Headroom()
  headroom.note(
    'main',
    [
      standing('requests', 10, 100, 60_000),
      standing('tokens', 700, 1_000, 60_000),
      standing('concurrency', 1, 4, 90_000),
    ],
    start,
  )
  expect(headroom.share('main', start)).toBe(0.7)
  expect(headroom.share('other', start)).toBe(0)
})

test('comes back evenly until what was used has left', () => {
  const headroom = new Headroom()
  headroom.note('main', [standing('requests', 10, 10, 60_000), standing('tokens', 500, 1_000, 20_000)], start)
  expect(headroom.share('main', start + 15_000)).toBe(0.75)
  expect(headroom.share('main', start + 60_000)).toBe(0)
  expect(headroom.share('main', start - 60_000)).toBe(1)
})

test('is as the last reservation found it', () => {
  const headroom = new Headroom()
  headroom.note('main', [standing('requests', 9, 10, 60_000)], start)
  headroom.note('main', [standing('requests', 2, 10, 60_000)], start + 1)
  headroom.note('main', [], start + 2)
  expect(headroom.share('main', start + 1)).toBe(0.2)
})

test('of what resets at once is all there', () => {
  const headroom = new Headroom()
  headroom.note('main', [standing('requests', 10, 10, 0)], start)
  expect(headroom.share('main', start)).toBe(0)
})
