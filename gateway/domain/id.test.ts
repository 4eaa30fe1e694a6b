import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { publicId, timeOf, uuidOf, uuidV7 } from './id.ts'

const times = fc.integer({ min: 0, max: 2 ** 48 - 1 })

describe('ids', () => {
  test('are UUIDv7 of the time they were made for', () => {
    fc.assert(
      fc.property(times, (at) => {
        const id = uuidV7(at)
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(timeOf(id)).toBe(at)
      }),
    )
  })

  test('are never the same twice, and sort by time', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => uuidV7(1_000_000 + Math.floor(i / 1000)))
    expect(new Set(ids).size).toBe(ids.length)
    const prefixes = ids.map((id) => id.slice(0, 13))
    expect(prefixes).toEqual([...prefixes].sort())
  })

  test('are shown as 26 digits and read back', () => {
    fc.assert(
      fc.property(times, (at) => {
        const id = uuidV7(at)
        const shown = publicId('req', id)
        expect(shown).toMatch(/^req_[0-7][0-9a-hjkmnp-tv-z]{25}$/)
        expect(uuidOf('req', shown)).toBe(id)
        expect(uuidOf('req', shown.toUpperCase().replace('REQ', 'req'))).toBe(id)
      }),
    )
    // By hand: 128 one bits are 7 and 25 z.
    expect(publicId('x', 'ffffffff-ffff-ffff-ffff-ffffffffffff')).toBe(`x_7${'z'.repeat(25)}`)
  })

  test.each([
    '',
    'req_',
    'con_00000000000000000000000000',
    'req_8zzzzzzzzzzzzzzzzzzzzzzzzz',
    'req_0000000000000000000000000u',
    `req_${'0'.repeat(27)}`,
  ])('%j is none', (text) => expect(uuidOf('req', text)).toBeUndefined())
})
