import { beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import { selfTestKeyId } from '../domain/key.ts'
import { rowText, type UsageRow } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { connectionTraffic, modelsAnswered } from './connection-traffic.ts'
import { UsageLedger } from './usage.ts'

const current = testDatabase()
const now = systemClock.now()
const minuteMs = 60_000
const hourMs = 60 * minuteMs

function rowAt(ago: number, over: Partial<UsageRow> = {}): UsageRow {
  const id = uuidV7(now - ago)
  return {
    id,
    call_id: id,
    attempt: 1,
    revision: 2,
    org_id: 'acme',
    key_id: 'dev',
    dialect: 'openai-chat',
    endpoint: '/v1/chat/completions',
    stream: false,
    requested_model: 'fast',
    usage_source: 'none',
    success: true,
    status: 'complete',
    tracked: true,
    ...over,
  }
}

const failed = { success: false, status: 'failed' } as const
const byTest = { key_id: selfTestKeyId, request_type: 'test' }

const rows: readonly UsageRow[] = [
  // Well until ten minutes ago, with failures that were not its own.
  rowAt(30 * hourMs, { connection_id: 'busy', ...failed, http_status: 500 }),
  rowAt(3 * hourMs, { connection_id: 'busy', requested_model: 'older' }),
  rowAt(2 * hourMs, { connection_id: 'busy', ...failed, http_status: 400 }),
  rowAt(2 * hourMs, { connection_id: 'busy', ...failed, http_status: 429 }),
  rowAt(2 * hourMs, { connection_id: 'busy', ...failed, http_status: 403, error_code: 'model_not_found' }),
  rowAt(2 * hourMs, { connection_id: 'busy', success: false, status: 'client_closed' }),
  rowAt(2 * hourMs, { connection_id: 'busy', ...failed }),
  rowAt(hourMs, { connection_id: 'busy', http_status: 200 }),
  rowAt(10 * minuteMs, { connection_id: 'busy', success: false, status: 'truncated', http_status: 200 }),
  rowAt(9 * minuteMs, { connection_id: 'busy', ...failed, http_status: 503 }),
  // Refused, and tested in vain.
  rowAt(5 * minuteMs, { connection_id: 'refused', ...failed, http_status: 401, error_code: 'invalid_api_key' }),
  rowAt(4 * minuteMs, { connection_id: 'refused', ...byTest, ...failed, http_status: 401 }),
  // Repaired: a test went well after what went wrong.
  rowAt(5 * minuteMs, { connection_id: 'mended', ...failed, http_status: 429, error_code: 'insufficient_quota' }),
  rowAt(4 * minuteMs, { connection_id: 'mended', ...byTest, ...failed, http_status: 500 }),
  rowAt(3 * minuteMs, { connection_id: 'mended', ...byTest, requested_model: 'tested' }),
]

beforeAll(async () => {
  const ledger = new UsageLedger(current().database, systemClock)
  expect(await ledger.write(rows.map(rowText))).toEqual([])
  await ledger.close()
})

const day = { from: now - 24 * hourMs, to: now + minuteMs }

describe('the traffic of connections', () => {
  test('counts as failures what was the connection’s doing, and no tests [S0-18]', async () => {
    const [busy, refused, mended] = await connectionTraffic(current().database, ['busy', 'refused', 'mended'], day)
    expect(busy).toEqual({
      connection: 'busy',
      attempts: 9,
      succeeded: 2,
      failed: 3,
      errorsInARow: 2,
      lastUsedAt: new Date(now - 9 * minuteMs),
      lastErrorAt: new Date(now - 9 * minuteMs),
      credentialRefusedAt: undefined,
      testFailedAt: undefined,
    })
    const lastTest = new Date(now - 4 * minuteMs)
    expect(refused).toMatchObject({ attempts: 1, failed: 1, credentialRefusedAt: lastTest, testFailedAt: lastTest })
    expect(refused?.lastUsedAt).toEqual(new Date(now - 5 * minuteMs))
    expect(mended).toMatchObject({ attempts: 1, failed: 1, errorsInARow: 0, testFailedAt: undefined })
    expect(mended?.credentialRefusedAt).toBe(undefined)
  })

  test('is looked at in a stretch, and the last use ever; one that was never used has none', async () => {
    const hour = { from: now - 5.5 * minuteMs, to: now }
    const [unused, busy] = await connectionTraffic(current().database, ['unused', 'busy'], hour)
    expect(unused).toMatchObject({ connection: 'unused', attempts: 0, lastUsedAt: undefined, lastErrorAt: undefined })
    expect(busy).toMatchObject({ attempts: 0, errorsInARow: 0, lastUsedAt: new Date(now - 9 * minuteMs) })
    expect(await connectionTraffic(current().database, [], day)).toEqual([])
  })
})

test('the models that a connection answered are known, the last first', async () => {
  expect(await modelsAnswered(current().database, 'busy', 5)).toEqual(['fast', 'older'])
  expect(await modelsAnswered(current().database, 'mended', 1)).toEqual(['tested'])
  expect(await modelsAnswered(current().database, 'refused', 5)).toEqual([])
})
