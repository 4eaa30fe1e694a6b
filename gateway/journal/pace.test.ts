import { expect, test } from 'vitest'
import { Pace } from './pace.ts'

test('gives a sink that fails or is slow less at once, but something, and more again when it is quick', () => {
  const pace = new Pace(5_000)
  expect(pace.rows).toBe(5_000)
  pace.took(5_000, 2_001)
  expect(pace.rows).toBe(2_500)
  for (let failure = 0; failure < 20; failure++) pace.failed()
  expect(pace.rows).toBe(50)
  // Quick with less than it may have says nothing.
  pace.took(10, 1)
  expect(pace.rows).toBe(50)
  pace.took(50, 1_000)
  expect(pace.rows).toBe(50)
  for (let flush = 0; flush < 7; flush++) pace.took(pace.rows, 400)
  expect(pace.rows).toBe(5_000)
})

test('never gives more than it may, however little that is', () => {
  const pace = new Pace(7)
  pace.failed()
  expect(pace.rows).toBe(7)
  pace.took(7, 1)
  expect(pace.rows).toBe(7)
})
