import { expect, test } from 'vitest'
import { count, counted, duration, fewOf, size, usd } from './format.ts'

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
