import { expect, test } from 'vitest'
import { ago, count, counted, duration, fewOf, percent, size, usd } from './format.ts'

test('durations and sizes say as much as is worth knowing', () => {
  expect([0, 849.6, 1_000, 9_449, 12_345, 119_999, 240_000, 7_200_000].map(duration)).toEqual([
    '0 ms',
    '850 ms',
    '1 s',
    '9.4 s',
    '12 s',
    '120 s',
    '4 min',
    '2 h',
  ])
  expect([0, 999, 1_000, 84_210_000_000, 5e15].map(size)).toEqual([
    '0 bytes',
    '999 bytes',
    '1 kB',
    '84.2 GB',
    '5,000 TB',
  ])
})

test('what is unknown is not shown as zero', () => {
  expect([usd(undefined), usd(0), usd(1_950)]).toEqual(['—', '$0', '$0.00000195'])
  expect([count(undefined), count(0), count(12_345)]).toEqual(['—', '0', '12,345'])
})

test('one is not several, and many are a few and how many more', () => {
  expect([counted(0, 'key'), counted(1, 'key'), counted(2, 'key')]).toEqual(['0 keys', '1 key', '2 keys'])
  expect([fewOf(['a']), fewOf(['a', 'b', 'c']), fewOf(['a', 'b', 'c', 'd', 'e'])]).toEqual([
    'a',
    'a, b, c',
    'a, b, c +2',
  ])
})

test('shares are never rounded up to all, and times are told by how long ago they were', () => {
  expect([0, 0.95, 0.9714, 0.98999, 0.99941, 0.99999, 1].map(percent)).toEqual([
    '0 %',
    '95 %',
    '97.1 %',
    '98.9 %',
    '99.94 %',
    '99.99 %',
    '100 %',
  ])
  const now = Date.UTC(2026, 10, 22)
  const before = [0, 2_400, 90_000, 240_000, 3 * 3_600_000, 49 * 3_600_000]
  expect(before.map((ms) => ago(new Date(now - ms), now))).toEqual([
    'just now',
    '2 s ago',
    '90 s ago',
    '4 min ago',
    '3 h ago',
    '2 d ago',
  ])
  expect(ago(undefined, now)).toBe('never')
})
