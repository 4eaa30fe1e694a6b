import { describe, expect, test } from 'vitest'
import { uuidV7 } from '../domain/id.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { Attempt } from '../pipeline/entry.ts'
import { CallsHere } from './calls-here.ts'
import { requestJson } from './me-json.ts'
import { trailOf } from './trail.ts'

const now = Date.UTC(2026, 10, 22, 12)
/** A minute has passed at the second look. */
const clock = () => {
  let elapsed = -60_000
  return { now: () => now, elapsed: () => (elapsed += 60_000) }
}
const id = uuidV7(now - 1_000)
const call = { id, keyId: 'dev' }

function row(attempt: number, over: Partial<UsageRow> = {}): UsageRow {
  return rowAt(now - 900 + attempt, {
    call_id: id,
    attempt,
    connection_id: `c${attempt}`,
    charge_nano_usd: 0,
    success: false,
    status: 'failed',
    response_time_ms: 50,
    ...over,
  })
}

const answered = row(2, { success: true, status: 'complete', charge_nano_usd: 1950, usage_source: 'provider' })
const failedTries = (count: number) =>
  Array.from({ length: count }, () => ({ outcome: { status: 'failed' } })) as unknown as readonly Attempt[]

const told = async (rows: readonly UsageRow[], here = new CallsHere(), question = call, at = clock()) => {
  const trail = await trailOf(question, async () => rows, here, at)
  return trail && requestJson(question.id, trail)
}

describe('a call', () => {
  test('is told whole, its failed attempt first, whatever order the rows come in', async () => {
    expect(
      await told([answered, row(1, { error_code: '503', error_message: 'busy', http_status: 503 })]),
    ).toMatchObject({
      complete: true,
      status: 'complete',
      success: true,
      charge_usd: '0.00000195',
      attempts: [
        { attempt: 1, connection: 'c1', status: 'failed', http_status: 503, error: { code: '503', message: 'busy' } },
        { attempt: 2, connection: 'c2', status: 'complete', usage: { source: 'provider', provisional: false } },
      ],
    })
  })

  test('whose first attempt failed and whose second is to come is under way, and has no sum yet', async () => {
    const here = new CallsHere()
    here.begin(id, { id: 'dev' })
    expect(await told([row(1)], here)).toMatchObject({
      complete: false,
      status: 'in_progress',
      success: null,
      charge_usd: null,
      attempts: [{ attempt: 1, status: 'failed' }],
    })
  })

  test('that failed is whole with the last of its attempts, as this process counted them', async () => {
    const here = new CallsHere()
    here.begin(id, { id: 'dev' })
    here.end(id, failedTries(2))
    expect(await told([row(1)], here)).toMatchObject({ complete: false })
    expect(await told([row(1), row(2)], here)).toMatchObject({ complete: true, status: 'failed', success: false })
  })

  test('that failed elsewhere is whole when nothing more has come for a while', async () => {
    expect(await told([row(1)])).toMatchObject({ complete: false })
    expect(await told([row(1, { id: uuidV7(now - 6_000) })])).toMatchObject({ complete: true })
  })

  test('whose earlier attempt is missing is not whole', async () => {
    expect(await told([answered])).toMatchObject({ complete: false })
  })

  test('that was refused has its reason, and no attempt', async () => {
    const refusal = row(0, {
      id,
      status: 'refused',
      error_code: 'model_not_allowed',
      error_message: 'no',
      http_status: 403,
    })
    expect(await told([refusal])).toMatchObject({
      complete: true,
      status: 'refused',
      attempts: [],
      http_status: 403,
      error: { code: 'model_not_allowed', message: 'no' },
    })
  })

  test('under way without a row is there for its own key, and for nobody else', async () => {
    const here = new CallsHere()
    here.begin(id, { id: 'dev' })
    expect(await told([], here)).toMatchObject({ complete: false, status: 'in_progress', attempts: [] })
    expect(await told([], here, { id, keyId: 'other' })).toBeUndefined()
    here.end(id, [])
    expect(await told([], here)).toBeUndefined()
  })

  test('is waited for while its row is on the way', async () => {
    let looks = 0
    const look = async () => (looks++ === 0 ? [] : [row(1), answered])
    const still = { now: () => now, elapsed: () => 0 }
    expect(await trailOf(call, look, new CallsHere(), still)).toMatchObject({ complete: true })
    expect(looks).toBe(2)
  })
})

test('of failed calls a bounded number is remembered', () => {
  const here = new CallsHere()
  const ids = Array.from({ length: 1_100 }, (_, n) => uuidV7(now + n))
  for (const each of ids) here.end(each, failedTries(1))
  expect(here.failedAfter(ids[0] ?? '')).toBeUndefined()
  expect(here.failedAfter(ids[99] ?? '')).toBeUndefined()
  expect(here.failedAfter(ids[100] ?? '')).toBe(1)
})
