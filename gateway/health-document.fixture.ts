import { connectionHealth, type GatewayStanding } from './health-document.ts'

/** A gateway whose one connection rests, and whose figures are not round. */
export const at = Date.UTC(2026, 7, 1)
export const connection = {
  id: 'main',
  provider: 'compatible',
  baseUrl: 'http://127.0.0.1:1/v1',
  apiKey: 'upstream-key-of-the-test',
  apiVersion: undefined,
  headers: { 'x-secret': 'another-key' },
  priority: 1,
  weight: 1,
  models: [{ pattern: '*' }],
  status: 'active',
  allowPrivateNetwork: true,
  trackUsage: undefined,
  timeouts: { connectMs: 1, firstByteMs: 1, firstTokenMs: 1, idleMs: 1, totalMs: 1 },
  onClientAbort: 'abort',
  retryAmbiguous: true,
} as const
export const report = {
  health: 'critical',
  why: 'its provider refused its credential',
  attempts: 3,
  successRate: 2 / 3,
  errorsInARow: 1,
  credentialRefused: true,
  lastUsedAt: at - 1,
  lastErrorAt: undefined,
  rest: { reason: 'credential', untilMs: at + 261.0775020000001 },
} as const
export const journal = {
  pendingRows: 2,
  oldestPendingMs: 261.0775020000001,
  sinks: [
    {
      name: 'postgres',
      pendingRows: 2,
      oldestPendingMs: 261.0775020000001,
      delivered: 5,
      quarantined: 0,
      failures: 3,
      failingMs: 120.25,
      lastFlush: { at, rows: 5, tookMs: 3.2000000001 },
    },
  ],
  liveAttempts: 1,
  segments: 1,
  torn: 0,
  orphans: 0,
  writeErrors: 0,
  syncErrors: 0,
  opensDropped: 0,
  rowsAtRisk: 0,
  rowsLost: 0,
  refusalsLost: 0,
  failing: undefined,
  problem: undefined,
} as const
export const standing: GatewayStanding = {
  ready: true,
  version: '9.9.9',
  configuration: { version: 4, loadedAt: at, problem: undefined, failures: 0 },
  connections: [connectionHealth(connection, report, at)],
  database: { kind: 'embedded', reachable: true },
  journal,
  liveAttempts: 1,
}
