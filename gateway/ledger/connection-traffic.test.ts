import { beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { selfTestKeyId } from '../domain/key.ts'
import { rowAt as aRowAt } from '../domain/usage-row.fixture.ts'
import { rowText, type UsageRow } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { connectionCounts, connectionNews, modelsAnswered } from './connection-traffic.ts'
import { UsageLedger } from './usage.ts'

const current = testDatabase()
const now = systemClock.now()
const minuteMs = 60_000
const hourMs = 60 * minuteMs

const rowAt = (ago: number, over: Partial<UsageRow> = {}) => aRowAt(now - ago, over)

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
  expect(await ledger.store(rows.map(rowText))).toEqual([])
  await ledger.close()
})

describe('the traffic of connections', () => {
  test('is counted over a stretch: as failures what was the connection’s doing, and no tests [S0-12]', async () => {
    const counts = await connectionCounts(current().database, { from: now - 24 * hourMs, to: now })
    expect(counts.get('busy')).toEqual({
      attempts: 9,
      succeeded: 2,
      failed: 3,
      lastErrorAt: new Date(now - 9 * minuteMs),
    })
    expect(counts.get('refused')).toMatchObject({ attempts: 1, failed: 1 })
    expect(counts.get('mended')).toMatchObject({ attempts: 1, succeeded: 0, failed: 1 })
    const lately = await connectionCounts(current().database, { from: now - 5.5 * minuteMs, to: now })
    expect([...lately.keys()].toSorted()).toEqual(['mended', 'refused'])
  })

  test('is told by what happened last, unless it was answered since [S0-14]', async () => {
    const news = await connectionNews(current().database, ['busy', 'refused', 'mended', 'unused'])
    const nothing = { errorsInARow: 0, credentialRefusedAt: undefined, testFailedAt: undefined }
    const lastTest = new Date(now - 4 * minuteMs)
    expect(news.get('busy')).toEqual({ ...nothing, errorsInARow: 2, lastUsedAt: new Date(now - 9 * minuteMs) })
    expect(news.get('refused')).toEqual({
      lastUsedAt: new Date(now - 5 * minuteMs),
      errorsInARow: 1,
      credentialRefusedAt: lastTest,
      testFailedAt: lastTest,
    })
    expect(news.get('mended')).toEqual({ ...nothing, lastUsedAt: new Date(now - 5 * minuteMs) })
    expect(news.get('unused')).toEqual({ ...nothing, lastUsedAt: undefined })
    expect(await connectionNews(current().database, [])).toEqual(new Map())
  })
})

test('the models that a connection answered are known, the last first', async () => {
  expect(await modelsAnswered(current().database, 'busy', 5)).toEqual(['fast', 'older'])
  expect(await modelsAnswered(current().database, 'mended', 1)).toEqual(['tested'])
  expect(await modelsAnswered(current().database, 'refused', 5)).toEqual([])
})
