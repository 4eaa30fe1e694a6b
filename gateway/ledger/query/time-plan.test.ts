import { describe, expect, test } from 'vitest'
import { bucketsOf, type Interval, TooManyPoints } from './time-buckets.ts'
import { endOf, planOf } from './time-plan.ts'

const at = (text: string) => Date.parse(text)
const hours = ({ from, to }: { readonly from: number; readonly to: number }) => (to - from) / 3_600_000

function cut(from: string, to: string, interval: Interval, timeZone: string, weekStart = 1) {
  return bucketsOf({ from: at(from), to: at(to) }, interval, { timeZone, weekStart })
}

describe('buckets', () => {
  test.each<[string, Interval, string, string, number[]]>([
    ['Europe/Berlin', 'day', '2026-03-27T23:00Z', '2026-03-30T22:00Z', [24, 23, 24]],
    ['Europe/Berlin', 'day', '2026-10-23T22:00Z', '2026-10-26T23:00Z', [24, 25, 24]],
    ['Australia/Lord_Howe', 'day', '2026-04-03T13:00Z', '2026-04-06T13:30Z', [24, 24.5, 24]],
    ['Australia/Lord_Howe', 'hour', '2026-04-04T14:00Z', '2026-04-04T16:30Z', [1, 0.5, 1]],
    ['Australia/Lord_Howe', 'hour', '2026-10-03T14:30Z', '2026-10-03T17:00Z', [1, 0.5, 1]],
    ['Asia/Kathmandu', 'day', '2026-01-01T18:15Z', '2026-01-03T18:15Z', [24, 24]],
    ['Australia/Eucla', 'hour', '2026-01-01T00:00Z', '2026-01-01T01:30Z', [0.25, 1, 0.25]],
    ['America/Santiago', 'day', '2026-04-04T03:00Z', '2026-04-06T04:00Z', [25, 24]],
    ['UTC', 'month', '2026-01-15T00:00Z', '2026-03-02T00:00Z', [17 * 24, 28 * 24, 24]],
  ])('%s by %s', (zone, interval, from, to, lengths) => {
    expect(cut(from, to, interval, zone).map(hours)).toEqual(lengths)
  })

  test('of weeks begin on the day that weeks begin with', () => {
    const starts = (weekStart: number) =>
      cut('2026-11-04T00:00Z', '2026-11-18T00:00Z', 'week', 'UTC', weekStart).map(({ from }) =>
        new Date(from).toISOString().slice(5, 10),
      )
    expect(starts(1)).toEqual(['11-04', '11-09', '11-16'])
    expect(starts(7)).toEqual(['11-04', '11-08', '11-15'])
  })

  test('are refused where they are too many', () => {
    expect(() => cut('2020-01-01T00:00Z', '2026-01-01T00:00Z', 'hour', 'UTC')).toThrow(TooManyPoints)
  })
})

describe('a plan', () => {
  const sums = { rowsOnly: false, subtract: true, byUser: false }
  const grains = (pieces: ReturnType<typeof planOf>) =>
    pieces.map(({ grain, uses, ...stretch }) => [grain, hours(stretch), uses.map(({ sign }) => sign).join()])

  test('takes a day of another zone as the UTC day with a little given and taken, and reads that once', () => {
    const days = cut('2026-11-01T23:00Z', '2026-11-03T23:00Z', 'day', 'Europe/Berlin')
    expect(grains(planOf(days, sums))).toEqual([
      ['15m', 1, '1'],
      ['day', 24, '1'],
      ['15m', 1, '-1,1'],
      ['day', 24, '1'],
      ['15m', 1, '-1'],
    ])
  })

  test.each([
    ['Asia/Kolkata', 2],
    ['America/Los_Angeles', 8],
    ['Pacific/Auckland', 4],
    ['America/Sao_Paulo', 12],
  ])('reads no more than a few quarters for a midnight in %s', (zone, quarters) => {
    const begin = Temporal.PlainDate.from('2026-11-02').toZonedDateTime(zone)
    const range = { from: begin.epochMilliseconds, to: begin.add({ days: 2 }).epochMilliseconds }
    const plan = planOf(bucketsOf(range, 'day', { timeZone: zone, weekStart: 1 }), sums)
    const read = plan.filter(({ grain }) => grain === '15m').map((piece) => hours(piece) * 4)
    expect(new Set(read)).toEqual(new Set([quarters]))
  })

  test('takes nothing away where times are asked for', () => {
    const pieces = planOf(cut('2026-11-01T08:00Z', '2026-11-03T08:00Z', 'day', 'America/Los_Angeles'), {
      ...sums,
      subtract: false,
    })
    expect(pieces.every(({ uses }) => uses.every(({ sign }) => sign === 1))).toBe(true)
  })

  test('reads rows only at edges that are no quarters', () => {
    const range = [{ from: at('2026-11-01T10:07Z'), to: at('2026-11-04T00:20Z') }]
    expect(grains(planOf(range, sums)).map(([grain]) => grain)).toEqual(['row', '15m', '6h', 'day', '15m', 'row'])
    const short = [{ from: at('2026-11-01T10:07Z'), to: at('2026-11-01T10:09Z') }]
    expect(grains(planOf(short, sums))).toEqual([['row', 2 / 60, '1']])
  })

  test('covers each bucket once, whatever its ends', () => {
    const ends = [
      '2026-11-01T00:00Z',
      '2026-11-01T10:07Z',
      '2026-11-02T13:15Z',
      '2026-11-05T23:59:59.999Z',
      '2026-11-09T00:00Z',
    ]
    for (const from of ends) {
      for (const to of ends) {
        if (at(from) >= at(to)) continue
        for (const subtract of [true, false]) {
          for (const byUser of [true, false]) {
            const pieces = planOf([{ from: at(from), to: at(to) }], { rowsOnly: false, subtract, byUser })
            const covered = pieces.reduce((sum, piece) => sum + (piece.uses[0]?.sign ?? 0) * (piece.to - piece.from), 0)
            expect(covered).toBe(at(to) - at(from))
            expect(pieces.some(({ grain }) => byUser && grain === '6h')).toBe(false)
          }
        }
      }
    }
  })

  test('has an end that is not before now for the end of that day', () => {
    expect(endOf(at('2026-11-22T13:00Z'), at('2026-11-22T13:00Z'))).toBe(at('2026-11-23T00:00Z'))
    expect(endOf(at('2026-11-22T12:59Z'), at('2026-11-22T13:00Z'))).toBe(at('2026-11-22T12:59Z'))
  })
})
