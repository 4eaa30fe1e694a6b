import { expect, test } from 'vitest'
import type { HealthWord } from '../domain/settings.ts'
import { Metrics } from './metrics.ts'

test('the health of each connection is a figure, of those that are there', async () => {
  let connections: readonly { readonly id: string; readonly health: HealthWord }[] = [
    { id: 'main', health: 'healthy' },
    { id: 'spare', health: 'critical' },
  ]
  const gauges = {
    live: () => 0,
    connections: () => connections,
    journal: () => ({ pendingRows: 0, oldestPendingMs: 0, delivered: 0, quarantined: 0, torn: 0, writeErrors: 0 }),
    configuration: () => ({ version: 1, failures: 0 }),
  }
  const metrics = new Metrics(gauges)
  const figures = async () => (await metrics.text()).match(/^tollgate_connection_health\{.*$/gm)
  expect(await figures()).toEqual([
    'tollgate_connection_health{connection="main"} 0',
    'tollgate_connection_health{connection="spare"} 3',
  ])
  connections = [{ id: 'spare', health: 'degraded' }]
  expect(await figures()).toEqual(['tollgate_connection_health{connection="spare"} 1'])
})
