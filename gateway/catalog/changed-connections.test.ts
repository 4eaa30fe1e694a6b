import { expect, test } from 'vitest'
import type { Connection } from '../domain/connection.ts'
import { nanoUsd } from '../domain/money.ts'
import { buildCatalog } from './build-catalog.ts'
import type { Catalog } from './catalog.ts'
import { changedConnections } from './changed-connections.ts'

const main: Connection = {
  id: 'main',
  provider: 'compatible',
  baseUrl: 'https://api.example.com/v1',
  apiKey: 'k',
  apiVersion: undefined,
  headers: {},
  priority: 1,
  weight: 1,
  models: [],
  status: 'active',
  allowPrivateNetwork: false,
  trackUsage: undefined,
  timeouts: { connectMs: 1, firstByteMs: 1, firstTokenMs: 1, idleMs: 1, totalMs: 1 },
  onClientAbort: 'abort',
  retryAmbiguous: true,
}
const spare: Connection = { ...main, id: 'spare' }

function catalogOf(...connections: readonly Connection[]): Catalog {
  const thresholds = { degraded: 1, warning: 1, critical: 1 }
  const settings = {
    defaultPricePerMtok: nanoUsd(1),
    chargeBy: 'provider',
    chargeOnUpstreamError: 'none',
    affinity: true,
    pingAfterMs: 0,
    health: { windowMs: 1, attemptsMin: 1, successPercent: thresholds, errorsInARow: thresholds },
    jsonBodyBytesMax: 1,
    trackUsage: true,
    journal: { durability: 'process', onLoss: 'refuse' },
    retention: { rowsDays: 90, rollupsDays: 1100 },
    usageFolder: undefined,
  } as const
  return buildCatalog({ connections, keys: [], limits: [], models: new Map(), settings }, 1)
}

test.each<readonly [string, Partial<Connection>]>([
  ['address', { baseUrl: 'https://eu.example.com/v1' }],
  ['credential', { apiKey: 'another' }],
  ['credential, which it had none of', { apiKey: undefined }],
  ['provider', { provider: 'openai' }],
  ['version', { apiVersion: '2' }],
  ['headers', { headers: { 'x-project': 'p' } }],
  ['network', { allowPrivateNetwork: true }],
])('a connection with another %s is another connection', (_, change) => {
  expect(changedConnections(catalogOf({ ...main, ...change }, spare), catalogOf(main, spare))).toEqual(['main'])
})

test('a connection that is routed to otherwise is the same', () => {
  const routed = { ...main, priority: 5, weight: 2, status: 'draining', models: [{ pattern: '*' }] } as const
  expect(changedConnections(catalogOf(spare, routed), catalogOf(main, spare))).toEqual([])
})

test('a connection that is gone is named, one that is new is not', () => {
  expect(changedConnections(catalogOf(spare), catalogOf(main))).toEqual(['main'])
})
