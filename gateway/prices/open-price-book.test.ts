import { describe, expect, test } from 'vitest'
import { nanoUsd } from '../domain/money.ts'
import { openPriceBook } from './open-price-book.ts'
import type { ModelRecord, PriceEntry } from './pricing-file.ts'
import type { PriceList, Pricing } from './read-pricing.ts'

const usd = (amount: number) => amount * 1_000_000_000
const noon = (day: string) => Date.parse(`${day}T12:00:00Z`)
const perMtok = nanoUsd(usd(3))

function priced(id: string, ...prices: readonly PriceEntry[]): ModelRecord {
  return { id, prices: [...prices] }
}

function list(provider: string, models: readonly ModelRecord[], more: Partial<PriceList> = {}): PriceList {
  const matchers = models.flatMap(({ id, match }) => (match ? [{ match, id }] : []))
  return { provider, makes: [], serviceTiers: [], models, matchers, ...more }
}

function bookOf(lists: readonly PriceList[], sellers: Pricing['sellers'] = new Map()) {
  return openPriceBook(
    { lists: new Map(lists.map((each) => [each.provider, each])), sellers },
    { defaultPerMtok: perMtok },
  )
}

const always = (rates: PriceEntry['rates'], more: Partial<PriceEntry> = {}): PriceEntry => ({
  version: '2026-01-01',
  rates,
  ...more,
})

describe('a price book', () => {
  test('moves the whole call to the dearer tier above its threshold, and not at it', () => {
    const tiers = [
      { above_input_tokens: 1000, rates: { input: '2', output: '5' } },
      { above_input_tokens: 5000, rates: { input: '3' } },
    ]
    const book = bookOf([list('maker', [priced('m', always({ input: '1', output: '4', searches: '7' }, { tiers }))])])
    const { rates } = book.quote({ provider: 'maker', model: 'm', at: noon('2026-05-01') })
    expect([rates(0).input, rates(1000).input, rates(1001).input, rates(5001).input]).toEqual([1, 1, 2, 3].map(usd))
    expect(rates(5001).output).toBe(usd(5))
    expect(rates(5001).searches).toBe(usd(7))
  })

  test('chooses by the time of the call, also when asked for an older one later', () => {
    const book = bookOf([
      list('maker', [
        priced(
          'm',
          always({ input: '10' }),
          { version: '2026-06-01', effective_from: '2026-06-01', rates: { input: '2' } },
          { version: '2027-01-01', effective_from: '2027-01-01', rates: { input: '4' } },
        ),
      ]),
    ])
    const at = (time: string) => book.quote({ provider: 'maker', model: 'm', at: Date.parse(time) })
    expect(at('2026-06-01T00:00:00Z').rates(1).input).toBe(usd(2))
    expect(at('2026-05-31T23:59:59.999Z').rates(1).input).toBe(usd(10))
    expect(at('2027-02-01T00:00:00Z').versionId).toBe('maker/m@2027-01-01')
    expect(at('2026-07-01T00:00:00Z').versionId).toBe('maker/m@2026-06-01')
  })

  test('lets an entry that was written later hold over an earlier one of the same time', () => {
    const entry = { effective_from: '2026-06-01', rates: { input: '2' } }
    const book = bookOf([
      list('maker', [
        priced('m', { ...entry, version: '2026-06-01' }, { ...entry, version: '2026-06-01.2', rates: { input: '3' } }),
      ]),
    ])
    expect(book.quote({ provider: 'maker', model: 'm', at: noon('2026-06-02') }).rates(1).input).toBe(usd(3))
    expect(book.quote({ provider: 'maker', model: 'm', at: noon('2026-05-01') }).status).toBe('missing')
  })

  test('knows prices of a time of the day, over midnight too', () => {
    const hours = [
      { from: '01:00', to: '04:00', rates: { input: '5' } },
      { from: '22:30', to: '00:30', rates: { input: '6' } },
    ]
    const book = bookOf([list('maker', [priced('m', always({ input: '1' }, { hours }))])])
    const at = (time: string) =>
      book.quote({ provider: 'maker', model: 'm', at: Date.parse(`2026-05-01T${time}Z`) }).rates(1).input
    expect(['00:59:59', '01:00:00', '03:59:59', '04:00:00'].map(at)).toEqual([1, 5, 5, 1].map(usd))
    expect(['22:29:59', '22:30:00', '00:29:59', '00:30:00'].map(at)).toEqual([1, 6, 6, 1].map(usd))
  })

  test('prices a service tier by its own entry, else by its multiple, else as the ordinary', () => {
    const priority: PriceEntry = { version: '2026-01-01.priority', service_tier: 'priority', rates: { input: '9' } }
    const batch = { version: '2026-01-01.batch', service_tier: 'batch', times: '0.5' }
    const models = [priced('m', always({ input: '1', output: '4', searches: '7' }), priority)]
    const book = bookOf([list('maker', models, { serviceTiers: [batch] })])
    const quote = (tier?: string) => book.quote({ provider: 'maker', model: 'm', tier, at: noon('2026-05-01') })
    expect(quote('priority').rates(1)).toMatchObject({ input: usd(9), output: usd(4), searches: usd(7) })
    expect(quote('priority').versionId).toBe('maker/m@2026-01-01+2026-01-01.priority')
    expect(quote('batch').rates(1)).toMatchObject({ input: usd(0.5), output: usd(2), searches: usd(7) })
    expect(quote('batch').versionId).toBe('maker/m@2026-01-01+2026-01-01.batch')
    expect(quote('default')).toBe(quote())
    expect(quote('anything')).toBe(quote())
  })

  test('falls back to the neighbour of a part without a rate, and leaves parts without a neighbour out', () => {
    const book = bookOf([
      list('maker', [
        priced('plain', always({ input: '1', output: '4' })),
        priced('spoken', always({ input: '1', cache_read: '0.1', input_audio: '8', cache_write_5m: '2', output: '4' })),
        priced('heard', always({ seconds: '100' })),
      ]),
    ])
    const rates = (model: string) => book.quote({ provider: 'maker', model, at: noon('2026-05-01') }).rates(1)
    expect(rates('plain')).toEqual({
      ...{ input: usd(1), cache_read: usd(1), cache_write_5m: usd(1), cache_write_1h: usd(1) },
      ...{ input_audio: usd(1), cache_read_audio: usd(1), input_image: usd(1) },
      ...{ output: usd(4), reasoning: usd(4), output_audio: usd(4), output_image: usd(4) },
    })
    expect(rates('spoken')).toMatchObject({ cache_read_audio: usd(8), cache_write_1h: usd(2), cache_read: usd(0.1) })
    expect(rates('heard')).toEqual({ seconds: usd(100) })
  })

  test('says how sure it is', () => {
    const book = bookOf([
      list('maker', [
        { ...priced('m', always({ input: '1' })), aliases: ['m-latest'] },
        priced('gift', always({ input: '0', output: '0' })),
        priced('odd', always({})),
      ]),
    ])
    const quote = (provider: string, model: string) => book.quote({ provider, model, at: noon('2026-05-01') })
    expect(quote('maker', 'm').status).toBe('exact')
    expect(quote('maker', 'M').status).toBe('exact')
    expect(quote('maker', 'm-latest').status).toBe('alias')
    expect(quote('maker', 'gift').status).toBe('free')
    expect(quote('maker', 'odd')).toMatchObject({ status: 'missing', versionId: undefined })
    expect(quote('maker', 'other')).toMatchObject({ status: 'default', versionId: undefined })
    expect(quote('nobody', 'm').status).toBe('default')
  })

  test('prices the tokens of an unknown model by default, and nothing else of it', () => {
    const rates = bookOf([]).quote({ provider: 'maker', model: 'other', tier: 'batch', at: 0 }).rates(1_000_000)
    expect(rates).toMatchObject({ input: usd(3), cache_read: usd(3), output: usd(3), reasoning: usd(3) })
    expect(Object.keys(rates)).not.toContain('images')
    expect(Object.keys(rates)).not.toContain('requests')
  })

  test('prefers the id to an alias, an alias to a matcher, and a matcher to a name without its date', () => {
    const models: readonly ModelRecord[] = [
      { ...priced('wide', always({ input: '1' })), match: { starts_with: 'm' } },
      { ...priced('named', always({ input: '2' })), aliases: ['m-1', 'm-2'] },
      priced('m-2', always({ input: '3' })),
      priced('n', always({ input: '4' })),
      { ...priced('dated', always({ input: '5' })), match: { and: [{ contains: 'n-' }, { ends_with: '20250202' }] } },
    ]
    const book = bookOf([list('maker', models)])
    const price = (model: string) => book.quote({ provider: 'maker', model, at: noon('2026-05-01') }).rates(1).input
    expect(['m-2', 'm-1', 'm-3', 'n-2025-01-01', 'n-20250202'].map(price)).toEqual([3, 2, 1, 4, 5].map(usd))
  })

  test('looks at the host’s own prices first, then at those of the maker', () => {
    const sellers: Pricing['sellers'] = new Map([
      ['host', { id: 'host', catalogue: 'host', makers: 'any' }],
      ['shop', { id: 'shop', catalogue: 'host' }],
      ['bare', { id: 'bare', makers: ['maker'] }],
    ])
    const maker = list(
      'maker',
      [{ ...priced('m-1', always({ input: '1' })), max_output_tokens: 64 }, priced('m-2', always({ input: '2' }))],
      {
        makes: [{ starts_with: 'm-' }],
      },
    )
    const host = list('host', [{ ...priced('m-1', always({ input: '9' })), context_window: 1000 }])
    const book = bookOf([host, maker], sellers)
    const quote = (provider: string, model: string) => book.quote({ provider, model, at: noon('2026-05-01') })
    expect(quote('host', 'm-1')).toMatchObject({ versionId: 'host/m-1@2026-01-01', status: 'exact' })
    expect(quote('host', 'm-2')).toMatchObject({ versionId: 'maker/m-2@2026-01-01', status: 'alias' })
    expect(quote('host', 'maker/m-2').versionId).toBe('maker/m-2@2026-01-01')
    expect(quote('bare', 'm-2').versionId).toBe('maker/m-2@2026-01-01')
    expect(quote('shop', 'm-2').status).toBe('default')
    expect(book.bounds('host', 'm-1')).toEqual({ contextWindow: 1000, outputTokensMax: 64 })
    expect(book.bounds('host', 'm-9')).toEqual({ contextWindow: undefined, outputTokensMax: undefined })
  })

  test('prices a name that nobody sells by what the answer says served it', () => {
    const book = bookOf([list('maker', [priced('m', always({ input: '1' })), priced('odd', always({}))])])
    const quote = (model: string, served?: string) =>
      book.quote({ provider: 'maker', model, served, at: noon('2026-05-01') })
    expect(quote('my-deployment', 'm')).toBe(quote('m'))
    expect(quote('m', 'odd')).toBe(quote('m'))
    expect(quote('my-deployment', 'odd').status).toBe('missing')
    expect(quote('my-deployment', 'other').status).toBe('default')
  })

  test('prices a call that names no model as the provider’s default model, and says so', () => {
    const sellers: Pricing['sellers'] = new Map([['maker', { id: 'maker', catalogue: 'maker', default_model: 'm' }]])
    const book = bookOf([list('maker', [priced('m', always({ input: '1' }))])], sellers)
    expect(book.quote({ provider: 'maker', model: '', at: noon('2026-05-01') })).toMatchObject({
      status: 'default',
      versionId: 'maker/m@2026-01-01',
    })
    expect(book.quote({ provider: 'maker', model: 'm', at: noon('2026-05-01') }).status).toBe('exact')
  })

  test('answers alike however many names it was asked for, and survives absurd ones', () => {
    const book = bookOf([list('maker', [priced('m', always({ input: '1' }))])])
    const first = book.quote({ provider: 'maker', model: 'm', at: noon('2026-05-01') })
    for (let i = 0; i < 10_000; i++) book.quote({ provider: 'maker', model: `x${i}`, at: 0 })
    expect(book.quote({ provider: 'maker', model: 'm', at: noon('2026-05-01') })).toBe(first)
    expect(book.quote({ provider: 'maker', model: 'm'.repeat(1_000_000), at: 0 }).status).toBe('default')
    expect(book.quote({ provider: 'maker', model: '/////...//', at: 0 }).status).toBe('default')
    expect(book.quote({ provider: '__proto__', model: 'constructor', tier: 'toString', at: 0 }).status).toBe('default')
  })
})

test('a price book names what a provider sells, by the price list it sells from', () => {
  const sellers = new Map([
    ['shop', { id: 'shop', catalogue: 'maker' }],
    ['bare', { id: 'bare' }],
  ])
  const book = bookOf([list('maker', [priced('m', always({ input: '1' }))])], sellers)
  expect(['maker', 'shop', 'bare', 'nobody'].map((provider) => book.models(provider, noon('2026-11-22')))).toEqual([
    ['m'],
    ['m'],
    [],
    [],
  ])
})
