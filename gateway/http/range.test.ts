import { describe, expect, test } from 'vitest'
import { rangeIn } from './range.ts'

const now = Date.parse('2026-11-22T13:30:00Z')
const iso = ({ from, to }: { from: number; to: number }) => [new Date(from).toISOString(), new Date(to).toISOString()]

describe('a range', () => {
  test.each([
    [{}, '2026-10-24T00:00:00.000Z', '2026-11-22T13:30:00.000Z'],
    [{ range: '1h' }, '2026-11-22T12:30:00.000Z', '2026-11-22T13:30:00.000Z'],
    [{ range: 'today', tz: 'Europe/Berlin' }, '2026-11-21T23:00:00.000Z', '2026-11-22T13:30:00.000Z'],
    [{ range: 'yesterday', tz: 'Asia/Kathmandu' }, '2026-11-20T18:15:00.000Z', '2026-11-21T18:15:00.000Z'],
    [{ range: 'month', tz: 'America/New_York' }, '2026-11-01T04:00:00.000Z', '2026-11-22T13:30:00.000Z'],
    [
      { from: '2026-11-01', to: '2026-11-02', tz: 'Asia/Kolkata' },
      '2026-10-31T18:30:00.000Z',
      '2026-11-01T18:30:00.000Z',
    ],
    [{ from: '2026-11-01T00:00:00Z' }, '2026-11-01T00:00:00.000Z', '2026-11-22T13:30:00.000Z'],
  ])('%j', (query: Record<string, string>, from, to) => {
    expect(iso(rangeIn(query, now))).toEqual([from, to])
  })

  test('counts days over a change of the clock as the calendar does', () => {
    // Berlin's clocks went back on 25 October: the first of these days had 25 hours.
    const { from } = rangeIn({ range: '30d', tz: 'Europe/Berlin' }, Date.parse('2026-11-23T12:00:00Z'))
    expect(new Date(from).toISOString()).toBe('2026-10-24T22:00:00.000Z')
  })

  test.each([
    [{ range: 'soon' }, 'range'],
    [{ range: 'constructor' }, 'range'],
    [{ from: '-009999-01-01' }, 'from'],
    [{ tz: 'Mars/Olympus' }, 'tz'],
    [{ from: 'x' }, 'from'],
    [{ from: '2026-11-02', to: '2026-11-01' }, 'from'],
  ])('%j is none', (query: Record<string, string>, param) => {
    expect(() => rangeIn(query, now)).toThrow(expect.objectContaining({ detail: { param } }))
  })
})
