import { expect, test } from 'vitest'
import type { HealthWord } from '../domain/settings.ts'
import type { MeasuredJournal } from './journal-metrics.ts'
import { Metrics } from './metrics.ts'

const journal: MeasuredJournal = {
  pendingRows: 7,
  oldestPendingMs: 1_500,
  orphans: 1,
  torn: 2,
  writeErrors: 3,
  syncErrors: 4,
  opensDropped: 5,
  rowsAtRisk: 6,
  rowsLost: 8,
  refusalsLost: 12,
  failing: { operation: 'write', code: 'ENOSPC' },
  sinks: [
    {
      name: 'postgres',
      pendingRows: 7,
      oldestPendingMs: 1_500,
      delivered: 9,
      quarantined: 2,
      failures: 10,
      failingMs: 2_500,
    },
    {
      name: 'jsonl',
      pendingRows: 0,
      oldestPendingMs: 0,
      delivered: 16,
      quarantined: 0,
      failures: 0,
      failingMs: undefined,
    },
  ],
}

test('the health of each connection is a figure, of those that are there', async () => {
  let connections: readonly { readonly id: string; readonly health: HealthWord }[] = [
    { id: 'main', health: 'healthy' },
    { id: 'spare', health: 'critical' },
  ]
  const gauges = {
    live: () => 0,
    connections: () => connections,
    journal: () => journal,
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

test('what is called a total is a counter, and only that', async () => {
  const configuration = () => ({ version: 1, failures: 2 })
  const metrics = new Metrics({ live: () => 0, connections: () => [], journal: () => journal, configuration })
  // Read twice: what is set from a count is not added up.
  await metrics.text()
  const text = await metrics.text()
  const types = [...text.matchAll(/^# TYPE (tollgate_\S+) (\S+)$/gm)].map(([, name = '', type]) => ({ name, type }))
  // Node's own figures come with prom-client, which names some of them like totals.
  const ours = types.filter(({ name }) => !/^tollgate_(process|nodejs)_/.test(name))
  expect(ours.length).toBeGreaterThan(20)
  expect(ours.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter'))).toEqual([])
  expect(text).toMatch(/^tollgate_config_reload_failures_total 2$/m)
  expect(text).toMatch(/^tollgate_rows_lost_total 8$/m)
  expect(text).toMatch(/^tollgate_refusals_lost_total 12$/m)
})

test('the journal, and the way to each sink, tell how they fare', async () => {
  const configuration = () => ({ version: 1, failures: 0 })
  const metrics = new Metrics({ live: () => 0, connections: () => [], journal: () => journal, configuration })
  metrics.flushed({ sink: 'postgres', rows: 9, tookMs: 30 })
  const lines = (await metrics.text()).match(/^tollgate_(journal|rows|sink|flush)_.*$/gm) ?? []
  expect(lines).toEqual(
    expect.arrayContaining([
      'tollgate_journal_pending_rows 7',
      'tollgate_journal_oldest_pending_seconds 1.5',
      'tollgate_journal_failing 1',
      'tollgate_rows_at_risk 6',
      'tollgate_sink_pending_rows{sink="postgres"} 7',
      'tollgate_sink_failing_seconds{sink="postgres"} 2.5',
      'tollgate_sink_failing_seconds{sink="jsonl"} 0',
      'tollgate_sink_delivered_rows_total{sink="jsonl"} 16',
      'tollgate_sink_quarantined_rows_total{sink="postgres"} 2',
      'tollgate_sink_failures_total{sink="postgres"} 10',
      'tollgate_flush_seconds_bucket{le="0.05",sink="postgres"} 1',
      'tollgate_flush_rows_sum{sink="postgres"} 9',
    ]),
  )
})
