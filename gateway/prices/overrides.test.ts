import { describe, expect, test } from 'vitest'
import { publicId, uuidV7 } from '../domain/id.ts'
import { nanoUsd } from '../domain/money.ts'
import type { OverrideLine, OverrideTerms, PriceOverride } from '../domain/price-override.ts'
import { openPriceBook } from './open-price-book.ts'
import { openOverrides } from './overrides.ts'
import type { PriceQuestion } from './price-book.ts'
import type { ModelRecord } from './pricing-file.ts'

const usd = (amount: number) => Math.round(amount * 1_000_000_000)
const day = (text: string) => Date.parse(`${text}T00:00:00Z`)
const may = day('2026-05-01')

const models: readonly ModelRecord[] = [
  {
    id: 'm',
    prices: [
      {
        version: '2026-01-01',
        rates: { input: '1', cache_read: '0.1', output: '4', searches: '10', requests: '5000' },
        tiers: [{ above_input_tokens: 1000, rates: { input: '2' } }],
      },
    ],
  },
  { id: 'gift', prices: [{ version: '1', rates: { input: '0', output: '0' } }] },
  { id: 'odd', prices: [{ version: '1', rates: {} }] },
]
const listed = openPriceBook(
  {
    lists: new Map([['maker', { provider: 'maker', makes: [], serviceTiers: [], matchers: [], models }]]),
    sellers: new Map(),
  },
  { defaultPerMtok: nanoUsd(usd(3)) },
)

let made = 0
function override(line: Partial<OverrideLine>, terms: OverrideTerms, effectiveFrom = day('2026-02-01')): PriceOverride {
  return {
    id: uuidV7(1_700_000_000_000 + made++),
    line: { scope: 'global', model: '*', ...line },
    effectiveFrom,
    terms,
  }
}
const absolute = (rates: Readonly<Record<string, number>>): OverrideTerms => ({ kind: 'absolute', rates })
const times = (factor: number): OverrideTerms => ({ kind: 'multiplier', billionths: usd(factor) })
const fee = (dollars: number): OverrideTerms => ({ kind: 'per_request', fee: nanoUsd(usd(dollars)) })
const withdrawn: OverrideTerms = { kind: 'withdrawn' }
const named = ({ id }: PriceOverride) => publicId('prc', id)

const asked = (over: Partial<PriceQuestion> = {}): PriceQuestion => ({
  ...{ provider: 'maker', model: 'm', at: may, connection: 'main', org: 'acme' },
  ...over,
})
const inputOf = (overrides: readonly PriceOverride[], over: Partial<PriceQuestion> = {}) =>
  openOverrides(listed, overrides).quote(asked(over)).rates(1).input

describe('an override', () => {
  test('that is absolute takes the place of all token prices, and leaves what is not tokens', () => {
    const own = override({ model: 'm' }, absolute({ input: usd(7) }))
    const quote = openOverrides(listed, [own]).quote(asked())
    expect(quote).toMatchObject({ status: 'exact', versionId: `${named(own)}:maker/m@2026-01-01` })
    expect(quote.rates(5000)).toMatchObject({
      ...{ input: usd(7), cache_read: usd(7), searches: usd(10), requests: usd(5000) },
    })
    expect(quote.rates(5000)).not.toHaveProperty('output')
    const searches = override({ model: 'm' }, absolute({ searches: usd(12) }))
    expect(openOverrides(listed, [searches]).quote(asked()).rates(1)).toMatchObject({
      ...{ input: usd(1), output: usd(4), searches: usd(12) },
    })
  })

  test('that is a multiplier multiplies every rate of the price below, at every size', () => {
    const own = override({}, times(1.2))
    const quote = openOverrides(listed, [own]).quote(asked())
    expect(quote).toMatchObject({ status: 'exact', versionId: `${named(own)}:maker/m@2026-01-01` })
    expect(quote.rates(1)).toMatchObject({ input: usd(1.2), cache_read: usd(0.12), searches: usd(12) })
    expect(quote.rates(1001)).toMatchObject({ input: usd(2.4), output: usd(4.8), requests: usd(6000) })
  })

  test('that is a fee is what each call costs, in place of the fee below', () => {
    const rates = openOverrides(listed, [override({}, fee(0.01))])
      .quote(asked())
      .rates(1)
    expect(rates).toMatchObject({ input: usd(1), output: usd(4), requests: usd(10_000) })
  })

  test('says how sure the price is that it is made from', () => {
    const statuses = (terms: OverrideTerms) =>
      ['m', 'gift', 'odd', 'unknown'].map(
        (model) => openOverrides(listed, [override({}, terms)]).quote(asked({ model })).status,
      )
    expect(statuses(absolute({ input: usd(1) }))).toEqual(['exact', 'exact', 'exact', 'exact'])
    expect(statuses(absolute({ input: 0, requests: 0, searches: 0 }))).toEqual(['free', 'free', 'free', 'free'])
    expect(statuses(times(2))).toEqual(['exact', 'free', 'missing', 'default'])
    expect(statuses(fee(0.01))).toEqual(['exact', 'exact', 'missing', 'default'])
  })

  test('of an unknown model stands on nothing, and is named alone', () => {
    const own = override({ model: 'unknown' }, absolute({ input: usd(1), output: usd(2) }))
    const quote = openOverrides(listed, [own]).quote(asked({ model: 'unknown' }))
    expect(quote.versionId).toBe(named(own))
    expect(quote.rates(1).input).toBe(usd(1))
  })

  test('is for its provider and its names alone, whatever their case', () => {
    const own = override({ model: 'Fast-*', provider: 'maker' }, absolute({ input: usd(9) }))
    expect(inputOf([own], { model: 'fast-1' })).toBe(usd(9))
    expect(inputOf([own], { model: 'FAST-' })).toBe(usd(9))
    expect(inputOf([own], { model: 'fas' })).toBe(usd(3))
    expect(inputOf([own], { model: 'fast-1', provider: 'other' })).toBe(usd(3))
  })

  test('goes by the name that rows have, and lies over the price of what served the call', () => {
    const deployed = { model: 'my-deployment', served: 'm' }
    expect(inputOf([override({ model: 'm' }, times(3))], deployed)).toBe(usd(1))
    expect(inputOf([override({ model: 'my-*' }, times(3))], deployed)).toBe(usd(3))
  })
})

describe('overrides', () => {
  test('of a connection go before those of an organisation, and those before everybody’s', () => {
    const all = [
      override({ scope: 'connection', subject: 'main' }, absolute({ input: 1 })),
      override({ scope: 'org', subject: 'acme' }, absolute({ input: 2 })),
      override({}, absolute({ input: 3 })),
    ]
    expect(inputOf(all)).toBe(1)
    expect(inputOf(all, { connection: 'other' })).toBe(2)
    expect(inputOf(all, { connection: 'other', org: 'other' })).toBe(3)
    expect(inputOf(all, { connection: undefined, org: undefined })).toBe(3)
  })

  test('are made from what the next level below gives, and are all named', () => {
    const connection = override({ scope: 'connection', subject: 'main' }, times(10))
    const org = override({ scope: 'org', subject: 'acme' }, fee(0.5))
    const everybodys = override({}, times(1.5))
    const quote = openOverrides(listed, [org, everybodys, connection]).quote(asked())
    expect(quote.rates(1)).toMatchObject({ input: usd(15), requests: usd(5_000_000) })
    expect(quote.versionId).toBe(`${[connection, org, everybodys].map(named).join(':')}:maker/m@2026-01-01`)
  })

  test('hold by the call’s time: the latest entry that had come into effect, of one time the one made last', () => {
    const line = { model: 'm' }
    const all = [
      override(line, absolute({ input: 30 }), day('2026-06-01')),
      override(line, absolute({ input: 10 }), day('2026-03-01')),
      override(line, withdrawn, day('2026-05-15')),
      override(line, absolute({ input: 20 }), day('2026-04-01')),
      override(line, absolute({ input: 21 }), day('2026-04-01')),
    ]
    const at = (time: string) => inputOf(all, { at: day(time) })
    expect(['2026-02-28', '2026-03-01', '2026-04-01', '2026-05-15', '2026-06-01'].map(at)).toEqual([
      ...[usd(1), 10, 21, usd(1), 30],
    ])
  })

  test('of one level: the line that says most holds; when it is withdrawn, the next one', () => {
    const all = [
      override({ model: '*' }, absolute({ input: 1 }), day('2026-04-01')),
      override({ model: 'm*' }, absolute({ input: 2 })),
      override({ model: 'm*', provider: 'maker' }, absolute({ input: 3 })),
      override({ model: 'm' }, absolute({ input: 4 })),
    ]
    const gone = (n: number) => override(all[n]?.line ?? {}, withdrawn, day('2026-04-15'))
    expect(inputOf(all)).toBe(4)
    expect(inputOf([...all, gone(3)])).toBe(3)
    expect(inputOf([...all, gone(3), gone(2)])).toBe(2)
    expect(inputOf([...all, gone(3), gone(2), gone(1)])).toBe(1)
  })

  test('make each quote and each set of rates once, and leave the book alone where they say nothing', () => {
    const book = openOverrides(listed, [override({ scope: 'org', subject: 'acme', model: 'm' }, times(2))])
    const quote = book.quote(asked())
    expect(book.quote(asked({ at: may + 1 }))).toBe(quote)
    expect(quote.rates(2)).toBe(quote.rates(1))
    expect(book.quote(asked({ org: 'other' }))).toBe(listed.quote(asked()))
    expect(book.bounds('maker', 'm')).toEqual(listed.bounds('maker', 'm'))
    expect(openOverrides(listed, [])).toBe(listed)
  })
})
