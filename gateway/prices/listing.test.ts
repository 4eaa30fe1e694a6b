import { expect, test } from 'vitest'
import { listings } from './listing.ts'
import type { ModelRecord, PriceEntry } from './pricing-file.ts'

const price = (more: Partial<PriceEntry> = {}): PriceEntry => ({ version: '1', rates: { input: '1' }, ...more })
const listed = (...models: readonly ModelRecord[]) => {
  const list = { provider: 'maker', makes: [], serviceTiers: [], matchers: [], models }
  const all = listings(new Map([['maker', list]]))
  return (at: number) => all('maker', at)
}
const at = (day: string) => Date.parse(`${day}T00:00:00Z`)

test('names models and their aliases, sorted, each once', () => {
  const names = listed(
    { id: 'b', aliases: ['b-2026', 'a'], prices: [price()] },
    { id: 'a', aliases: ['b-2026'], prices: [price()] },
  )
  expect(names(at('2026-11-22'))).toEqual(['a', 'b', 'b-2026'])
})

test('leaves out what has no price yet, and no price at all', () => {
  const names = listed(
    {
      id: 'old',
      prices: [price({ effective_from: '2025-01-01' }), price({ version: '2', effective_from: '2027-01-01' })],
    },
    { id: 'next', prices: [price({ effective_from: '2027-01-01' })] },
    { id: 'bare' },
  )
  expect(names(at('2024-12-31'))).toEqual([])
  expect(names(at('2026-11-22'))).toEqual(['old'])
  expect(names(at('2027-01-01'))).toEqual(['next', 'old'])
})

test('is empty for a provider without a list', () => {
  expect(listings(new Map())('nobody', at('2026-11-22'))).toEqual([])
  expect(listings(new Map())(undefined, at('2026-11-22'))).toEqual([])
})
