import { describe, expect, test } from 'vitest'
import { buildCatalog } from '../catalog/build-catalog.ts'
import type { Declared } from '../catalog/catalog.ts'
import type { Connection } from '../domain/connection.ts'
import { dayMs } from '../domain/day.ts'
import { nanoUsd } from '../domain/money.ts'
import { openPriceBook } from '../prices/open-price-book.ts'
import type { PriceList } from '../prices/read-pricing.ts'
import { keyOf } from './key.fixture.ts'
import { ModelLists } from './model-list.ts'

const noon = Date.UTC(2026, 10, 22, 12)
function connection(id: string, models: Connection['models'], over: Partial<Connection> = {}): Connection {
  return {
    id,
    provider: 'maker',
    baseUrl: 'https://api.example.com/v1',
    apiKey: undefined,
    apiVersion: undefined,
    headers: {},
    priority: 10,
    weight: 1,
    models,
    status: 'active',
    allowPrivateNetwork: false,
    trackUsage: undefined,
    timeouts: { connectMs: 1, firstByteMs: 1, firstTokenMs: 1, idleMs: 1, totalMs: 1 },
    onClientAbort: 'abort',
    retryAmbiguous: true,
    ...over,
  }
}

const settings = { defaultPricePerMtok: nanoUsd(3e9) } as Declared['settings']

function catalogOf(connections: readonly Connection[], virtual: Record<string, readonly string[]> = {}, version = 1) {
  return buildCatalog(
    { connections, keys: [], limits: [], models: new Map(Object.entries(virtual)), settings },
    version,
  )
}

const rates = { input: '1', output: '2' }
const priced = (id: string, more = {}) => ({ id, prices: [{ version: '1', rates, ...more }] })
const later = { effective_from: '2026-11-23' }

function bookOf(...lists: readonly Pick<PriceList, 'provider' | 'models'>[]) {
  const whole = lists.map((list): PriceList => ({ makes: [], serviceTiers: [], matchers: [], ...list }))
  const pricing = { lists: new Map(whole.map((list) => [list.provider, list])), sellers: new Map() }
  return openPriceBook(pricing, { defaultPerMtok: nanoUsd(3e9) })
}

const maker = {
  provider: 'maker',
  models: [
    priced('gpt-4o'),
    { ...priced('gpt-4o-mini'), aliases: ['gpt-4o-mini-2024'] },
    priced('gpt-5', later),
    priced('tts-1'),
  ],
}
const other = { provider: 'other', models: [priced('gpt-4o'), priced('vendor/large')] }

const gatewayOf = (connections: readonly Connection[], virtual = {}) => ({
  catalog: catalogOf(connections, virtual),
  prices: bookOf(maker, other),
  clock: { now: () => noon, elapsed: () => 0 },
})

const ids = (lists: ModelLists, patterns: readonly string[] = ['*']) => [
  ...lists.of(keyOf(patterns.join(), { models: patterns })).byId.keys(),
]

describe('the models of a key', () => {
  test('are virtual ones, names spelled out, and what the price list knows under a pattern: sorted, each once', () => {
    const gateway = gatewayOf(
      [
        connection('a', [{ pattern: 'gpt-*' }, { pattern: 'quick', upstream: 'gpt-4o-mini' }]),
        connection('b', [{ pattern: 'gpt-4o' }, { pattern: 'vendor/*' }], { provider: 'other', priority: 20 }),
      ],
      { smart: ['gpt-4o'], lost: ['nobody-has-it'] },
    )
    const { json, byId } = new ModelLists(gateway).of(keyOf('all'))
    expect([...byId.keys()]).toEqual(['gpt-4o', 'gpt-4o-mini', 'gpt-4o-mini-2024', 'quick', 'smart', 'vendor/large'])
    expect(JSON.parse(json)).toEqual({ object: 'list', data: [...byId.values()] })
    expect(byId.get('gpt-4o')).toEqual({ id: 'gpt-4o', object: 'model', created: noon / 1000, owned_by: 'maker' })
    expect(byId.get('vendor/large')?.owned_by).toBe('other')
  })

  test('under an alias with a star have the names that clients ask by', () => {
    const lists = new ModelLists(gatewayOf([connection('a', [{ pattern: 'eu/*', upstream: 'gpt-*' }])]))
    expect(ids(lists)).toEqual(['eu/4o', 'eu/4o-mini', 'eu/4o-mini-2024'])
    expect(ids(new ModelLists(gatewayOf([connection('a', [{ pattern: 'any-*', upstream: 'gpt-4o' }])])))).toEqual([])
  })

  test('are those of connections that are on', () => {
    const off = connection('a', [{ pattern: '*' }], { status: 'inactive' })
    const leaving = connection('b', [{ pattern: '*' }], { status: 'draining', provider: 'other' })
    expect(ids(new ModelLists(gatewayOf([off, leaving])))).toEqual([])
  })

  test('are those that its own patterns allow', () => {
    const lists = new ModelLists(gatewayOf([connection('a', [{ pattern: '*' }])]))
    expect(ids(lists, ['gpt-4o*'])).toEqual(['gpt-4o', 'gpt-4o-mini', 'gpt-4o-mini-2024'])
    expect(ids(lists, ['tts-1', 'nothing'])).toEqual(['tts-1'])
    expect(ids(lists, [])).toEqual([])
  })

  test('may be called by a name that no list holds, where a pattern serves it', () => {
    const lists = new ModelLists(gatewayOf([connection('a', [{ pattern: 'gpt-*' }])]))
    expect(lists.unlisted('gpt-from-tomorrow', keyOf('all'))).toMatchObject({
      id: 'gpt-from-tomorrow',
      owned_by: 'maker',
    })
    expect(lists.unlisted('claude', keyOf('all'))).toBeUndefined()
    expect(lists.unlisted('gpt-from-tomorrow', keyOf('mini', { models: ['gpt-4o'] }))).toBeUndefined()
  })
})

describe('a list', () => {
  test('of two thousand models is put together once for all keys alike', () => {
    const many = { provider: 'maker', models: Array.from({ length: 2_000 }, (_, n) => priced(`m-${n}`)) }
    const book = bookOf(many)
    let asked = 0
    const gateway = {
      ...gatewayOf([connection('a', [{ pattern: '*' }]), connection('b', [{ pattern: 'm-*' }])]),
      prices: {
        ...book,
        models: (provider: string, at: number) => {
          asked++
          return book.models(provider, at)
        },
      },
    }
    const lists = new ModelLists(gateway)
    const first = lists.of(keyOf('one'))
    expect(first.byId.size).toBe(2_000)
    expect(lists.of(keyOf('another'))).toBe(first)
    expect(lists.of(keyOf('few', { models: ['m-1'] })).byId.size).toBe(1)
    expect(asked).toBe(2)
  })

  test('is another under another catalog, and when a price comes into effect', () => {
    let now = noon
    const connections = [connection('a', [{ pattern: 'gpt-*' }])]
    const gateway = { ...gatewayOf(connections), clock: { now: () => now, elapsed: () => 0 } }
    const lists = new ModelLists(gateway)
    expect(ids(lists)).not.toContain('gpt-5')
    now += dayMs / 2
    expect(ids(lists)).toContain('gpt-5')
    gateway.catalog = catalogOf([connection('a', [{ pattern: 'tts-*' }])], {}, 2)
    expect(ids(lists)).toEqual(['tts-1'])
  })

  test('is kept for a bounded number of kinds of keys', () => {
    const lists = new ModelLists(gatewayOf([connection('a', [{ pattern: '*' }])]))
    const first = lists.of(keyOf('first', { models: ['gpt-4o'] }))
    for (let n = 0; n < 64; n++) lists.of(keyOf('many', { models: [`m-${n}`] }))
    expect(lists.of(keyOf('first', { models: ['gpt-4o'] }))).not.toBe(first)
  })
})
