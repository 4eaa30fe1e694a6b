import { expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import type { Connection } from '../domain/connection.ts'
import type { Identity, Key } from '../domain/key.ts'
import { limitOf, type Measure, type Scope } from '../domain/limit.ts'
import { nanoUsd } from '../domain/money.ts'
import { buildCatalog } from './build-catalog.ts'
import type { Declared, LimitRule } from './catalog.ts'

function connection(id: string, over: Partial<Connection> = {}): Connection {
  return {
    id,
    provider: 'acme-ai',
    baseUrl: 'https://api.example.com/v1',
    apiKey: 'sk-upstream',
    apiVersion: undefined,
    headers: {},
    priority: 10,
    weight: 1,
    models: [{ pattern: '*' }],
    status: 'active',
    allowPrivateNetwork: false,
    trackUsage: undefined,
    timeouts: { connectMs: 1, firstByteMs: 1, firstTokenMs: 1, idleMs: 1, totalMs: 1 },
    onClientAbort: 'abort',
    retryAmbiguous: true,
    ...over,
  }
}

function key(id: string, over: Partial<Key> = {}): Key {
  return {
    id,
    hash: `hash of ${id}`,
    org: 'default',
    user: undefined,
    feature: undefined,
    models: ['*'],
    allowClientIdentity: true,
    expiresAt: undefined,
    trackUsage: undefined,
    ...over,
  }
}

function catalogOf(over: Partial<Declared>) {
  const declared: Declared = {
    connections: [],
    keys: [],
    limits: [],
    models: new Map(),
    settings: {
      defaultPricePerMtok: nanoUsd(3e9),
      chargeBy: 'provider',
      chargeOnUpstreamError: 'reported',
      affinity: true,
      pingAfterMs: 10_000,
      health: {
        windowMs: 300_000,
        attemptsMin: 5,
        successPercent: { degraded: 98, warning: 90, critical: 70 },
        errorsInARow: { degraded: 1, warning: 3, critical: 10 },
      },
      jsonBodyBytesMax: 1,
      trackUsage: true,
      journal: { durability: 'process', onLoss: 'refuse' },
      retention: { rowsDays: 90, rollupsDays: 1100 },
      usageFolder: undefined,
    },
    ...over,
  }
  return buildCatalog(declared, 7)
}

function order(catalog: ReturnType<typeof catalogOf>, model: string): readonly string[] {
  return catalog.candidates(model).map((one) => `${one.rank} ${one.connection.id} ${one.model}`)
}

const each = (scope: Scope, measure: Measure, max: number, org?: string, named?: string): LimitRule => ({
  each: { scope, measure, max, windowMs: measure === 'concurrency' ? 0 : 60_000 },
  org,
  ...(named === undefined ? {} : { named }),
})
const on = (scope: Scope, subject: string, measure: Measure, max: number): LimitRule => ({
  limit: limitOf(scope, subject, measure, max),
})

test('knows a key by the hash of its secret alone', () => {
  const dev = key('dev')
  const catalog = catalogOf({ keys: [dev, key('other')] })
  expect(catalog.key(dev.hash)).toBe(dev)
  expect(catalog.key('dev')).toBeUndefined()
  expect(catalog.version).toBe(7)
})

test('asks by priority, and as declared among equals, which share a rank', () => {
  const catalog = catalogOf({
    connections: [
      connection('late', { priority: 20 }),
      connection('b'),
      connection('a'),
      connection('first', { priority: -1 }),
    ],
  })
  expect(order(catalog, 'm')).toEqual(['0 first m', '1 b m', '1 a m', '2 late m'])
})

test('leaves out connections that are inactive, draining, or serve other models', () => {
  const catalog = catalogOf({
    connections: [
      connection('off', { status: 'inactive' }),
      connection('draining', { status: 'draining' }),
      connection('gpt', { models: [{ pattern: 'gpt-*' }] }),
      connection('on'),
    ],
  })
  expect(order(catalog, 'o3')).toEqual(['0 on o3'])
  expect(catalog.connections).toHaveLength(4)
})

test('sends what an alias says, and prefers a name written out to a pattern', () => {
  const catalog = catalogOf({
    connections: [
      connection('one', {
        models: [
          { pattern: 'gpt-*' },
          { pattern: 'gpt-4', upstream: 'my-deployment' },
          { pattern: 'eu/*', upstream: '*' },
        ],
      }),
    ],
  })
  expect(order(catalog, 'gpt-4')).toEqual(['0 one my-deployment'])
  expect(order(catalog, 'gpt-4o')).toEqual(['0 one gpt-4o'])
  expect(order(catalog, 'eu/gpt-$&')).toEqual(['0 one gpt-$&'])
  expect(order(catalog, 'eu')).toEqual([])
})

test('serves a virtual model by its members in their order, whatever the priorities', () => {
  const catalog = catalogOf({
    connections: [
      connection('cheap', { priority: 20, models: [{ pattern: 'small' }] }),
      connection('cheap-too', { priority: 30, models: [{ pattern: 'small' }] }),
      connection('dear', { priority: 10, models: [{ pattern: 'large' }, { pattern: 'small', upstream: 's-1' }] }),
    ],
    models: new Map([
      ['fast', ['small', 'nobody-serves', 'large']],
      ['any', ['fast', 'large']],
    ]),
  })
  const fast = ['0 dear s-1', '1 cheap small', '2 cheap-too small', '3 dear large']
  expect(order(catalog, 'fast')).toEqual(fast)
  expect(order(catalog, 'any')).toEqual(fast)
})

test('gives two members on equal connections two ranks, so that weight does not mix a fallback in', () => {
  const catalog = catalogOf({ connections: [connection('one')], models: new Map([['fast', ['small', 'large']]]) })
  expect(order(catalog, 'fast')).toEqual(['0 one small', '1 one large'])
})

test('does not run in circles where virtual models name each other', () => {
  const models = new Map([
    ['a', ['b']],
    ['b', ['a', 'real']],
  ])
  expect(order(catalogOf({ connections: [connection('one')], models }), 'a')).toEqual(['0 one real'])
})

test('serves no model whose name is longer than any has', () => {
  const catalog = catalogOf({ connections: [connection('one')] })
  expect(order(catalog, 'm'.repeat(256))).toHaveLength(1)
  expect(order(catalog, 'm'.repeat(257))).toEqual([])
})

test('keeps its memory when asked for ever new names', () => {
  const catalog = catalogOf({
    connections: [connection('one')],
    limits: [each('user', 'requests', 30), each('model', 'requests', 30)],
  })
  const dev = key('dev')
  const first = catalog.candidates('first')
  const firstLimits = catalog.limits(dev, { org: 'default', user: 'first' }, 'first')
  expect(catalog.candidates('first')).toBe(first)
  expect(catalog.limits(dev, { org: 'default', user: 'first' }, 'first')).toBe(firstLimits)
  for (let n = 0; n < 10_000; n++) {
    catalog.candidates(`model-${n}`)
    catalog.limits(dev, { org: 'default', user: `user-${n}` }, 'm')
  }
  // Made anew: what was remembered of the first names has gone, and the answer is the same.
  expect(catalog.candidates('first')).not.toBe(first)
  expect(catalog.candidates('first')).toEqual(first)
  expect(catalog.limits(dev, { org: 'default', user: 'first' }, 'first')).not.toBe(firstLimits)
  expect(catalog.limits(dev, { org: 'default', user: 'first' }, 'first')).toEqual(firstLimits)
})

test('lists names without a pattern and virtual ones, once, where somebody serves them', () => {
  const catalog = catalogOf({
    connections: [
      connection('one', { models: [{ pattern: 'gpt-*' }, { pattern: 'gpt-4' }, { pattern: 'o3', upstream: 'o3-eu' }] }),
      connection('two', { provider: 'other-ai', models: [{ pattern: 'gpt-4' }] }),
      connection('off', { status: 'inactive', models: [{ pattern: 'gone' }] }),
    ],
    models: new Map([
      ['fast', ['gpt-4o']],
      ['void', ['nobody-serves']],
    ]),
  })
  expect(catalog.models()).toEqual([
    { id: 'fast', ownedBy: 'tollgate' },
    { id: 'gpt-4', ownedBy: 'acme-ai' },
    { id: 'o3', ownedBy: 'acme-ai' },
  ])
})

const ids = (catalog: ReturnType<typeof catalogOf>, caller: Key, identity: Partial<Identity>, model = 'm') =>
  catalog.limits(caller, { org: caller.org, ...identity }, model).map(({ id, max }) => `${id} ${max}`)

test('finds every limit on a caller: key, user, organisation, feature, model, everyone', () => {
  const catalog = catalogOf({
    limits: [
      on('global', 'all', 'requests', 6),
      on('model', 'm', 'tokens', 5),
      on('feature', 'search', 'requests', 4),
      on('org', 'default', 'requests', 3),
      on('user', 'ana', 'concurrency', 2),
      on('key', 'dev', 'requests', 1),
      on('key', 'other', 'requests', 9),
      on('connection', 'one', 'requests', 9),
    ],
  })
  expect(ids(catalog, key('dev'), { user: 'ana', feature: 'search' })).toEqual([
    'key:dev:requests:60000 1',
    'user:ana:concurrency:0 2',
    'org:default:requests:60000 3',
    'feature:search:requests:60000 4',
    'model:m:tokens:60000 5',
    'global:all:requests:60000 6',
  ])
  expect(ids(catalog, key('dev'), {}, 'n')).toEqual([
    'key:dev:requests:60000 1',
    'org:default:requests:60000 3',
    'global:all:requests:60000 6',
  ])
})

test('gives each user its own limit, apart from the same name in another organisation', () => {
  const catalog = catalogOf({ limits: [each('user', 'requests', 30)] })
  expect(ids(catalog, key('dev'), { user: 'ana' })).toEqual(['user:ana:requests:60000 30'])
  expect(ids(catalog, key('dev'), { user: 'bob' })).toEqual(['user:bob:requests:60000 30'])
  expect(ids(catalog, key('theirs', { org: 'acme' }), { user: 'ana' })).toEqual(['user:acme/ana:requests:60000 30'])
  expect(ids(catalog, key('dev'), { user: 'acme/ana' })).toEqual(['user:default/acme/ana:requests:60000 30'])
})

test('holds the rule that says most about a user, one of each measure', () => {
  const catalog = catalogOf({
    limits: [
      each('user', 'requests', 10),
      each('user', 'tokens', 11),
      each('user', 'requests', 20, 'acme'),
      each('user', 'requests', 30, undefined, 'ana'),
      on('user', 'acme/eve', 'requests', 40),
    ],
  })
  const limitsOf = (org: string, user: string) =>
    ids(catalog, key(`key-of-${org}`, { org }), { user }).map((line) => line.split(' ')[1])
  expect(limitsOf('default', 'bob')).toEqual(['10', '11'])
  expect(limitsOf('acme', 'bob')).toEqual(['20', '11'])
  expect(limitsOf('acme', 'ana')).toEqual(['30', '11'])
  expect(limitsOf('acme', 'eve')).toEqual(['40', '11'])
})

test('does not take one user and feature for another that reads the same', () => {
  const catalog = catalogOf({ limits: [each('user', 'requests', 1), each('feature', 'requests', 1)] })
  const subjects = (user: string, feature: string) =>
    catalog.limits(key('dev'), { org: 'default', user, feature }, 'm').map(({ subject }) => subject)
  expect(subjects('a b', 'c')).toEqual(['a b', 'c'])
  expect(subjects('a', 'b c')).toEqual(['a', 'b c'])
  expect(subjects('a', ' bc')).toEqual(['a', ' bc'])
})

test('knows the limits of a connection, its own and those on each', () => {
  const catalog = catalogOf({
    connections: [connection('one'), connection('two')],
    limits: [
      each('connection', 'requests', 10),
      on('connection', 'one', 'requests', 500),
      on('connection', 'one', 'tokens', 7),
    ],
  })
  const limitsOf = (id: string) => catalog.connectionLimits(id).map((limit) => `${limit.id} ${limit.max}`)
  expect(limitsOf('one')).toEqual(['connection:one:requests:60000 500', 'connection:one:tokens:60000 7'])
  expect(limitsOf('two')).toEqual(['connection:two:requests:60000 10'])
  expect(limitsOf('three')).toEqual([])
})

test('lists what thousands of connections serve without trying each name on each of them', () => {
  const connections = Array.from({ length: 5_000 }, (_, at) =>
    connection(`c-${at}`, { models: [{ pattern: `own-${at}` }, { pattern: 'shared-*' }], priority: at % 7 }),
  )
  const began = systemClock.elapsed()
  const listed = catalogOf({ connections, models: new Map([['any', ['nobody-serves', 'shared-model']]]) }).models()
  // Tried on each, they take 15 s.
  expect(systemClock.elapsed() - began).toBeLessThan(2_000)
  expect(listed).toHaveLength(5_001)
})
