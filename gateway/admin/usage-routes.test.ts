import { beforeEach, describe, expect, test } from 'vitest'
import { buildCatalog } from '../catalog/build-catalog.ts'
import { loadConfig } from '../config.ts'
import { Fault } from '../domain/fault.ts'
import { timeOf, uuidOf } from '../domain/id.ts'
import { nanoUsd } from '../domain/money.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { openLog } from '../observe/log.ts'
import { ingest } from '../pipeline/ingest.ts'
import { openPriceBook } from '../prices/open-price-book.ts'
import { readPricing } from '../prices/read-pricing.ts'
import { providers } from '../providers/index.ts'
import { buildAdminApp } from './app.ts'
import type { Control } from './control.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const prices = openPriceBook(readPricing(new URL('../../pricing/', import.meta.url)), {
  defaultPerMtok: nanoUsd(3_000_000_000),
})

const { declared } = loadConfig({ env: {}, cwd: '/nowhere', providers })
const free = { user: undefined, feature: undefined, models: ['*'], expiresAt: undefined }
const key = { ...free, org: 'acme', allowClientIdentity: true }
const catalog = buildCatalog(
  {
    ...declared,
    keys: [
      { ...key, id: 'dev', hash: '1', trackUsage: undefined },
      { ...key, id: 'hidden', hash: '2', trackUsage: false },
    ],
    connections: [],
  },
  1,
)

let rows: UsageRow[] = []
let full: boolean
let since: string | undefined
let app: ReturnType<typeof buildAdminApp>
beforeEach(() => {
  rows = []
  full = false
  since = undefined
  const take = async (taken: readonly UsageRow[]) => {
    if (full) throw new Fault('journal_unavailable', 'The usage journal cannot be written.')
    rows.push(...taken)
  }
  const clock = { now: () => now, elapsed: () => 0 }
  const control: Control = {
    connections: async () => [],
    test: async () => undefined,
    ingest: (records, dryRun) =>
      ingest(records, dryRun, { catalog, clock, prices, journal: { take }, rowsSince: async () => since }),
  }
  app = buildAdminApp(control, openLog('silent'))
})

async function send(body: unknown, query = '') {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await app.request(`/admin/v1/usage${query}`, { method: 'POST', body: text })
  // biome-ignore lint/suspicious/noExplicitAny: what a client of the API sees has no types.
  return { status: answer.status, type: answer.headers.get('content-type'), body: (await answer.json()) as any }
}

const least = { id: 'a', occurred_at: '2026-11-22T09:30:00+01:00' }
const used = { provider: 'openai', model: 'gpt-4o-mini', input_tokens: 1_000, output_tokens: 100 }

test('takes a record with all that can be said of a call, and prices it by when it happened [S2-15] [S2-16]', async () => {
  const { status, body } = await send({
    ...least,
    ...used,
    key: 'dev',
    user: 'ana',
    feature: 'search',
    agent: 'a1',
    agent_name: 'Agent',
    framework: 'langchain',
    request_type: 'tool_execution',
    session: 's1',
    group: 'g1',
    metadata: { ticket: 42 },
    connection: 'elsewhere',
    cached_input_tokens: 400,
    reasoning_tokens: 30,
    response_time_ms: 812.4,
    first_token_ms: 90,
    stream: true,
    success: true,
  })
  expect(status).toBe(202)
  expect(body).toEqual({ count: 1, ids: [expect.stringMatching(/^req_/)], dry_run: false })
  expect(rows).toEqual([
    expect.objectContaining({
      id: uuidOf('req', body.ids[0]),
      call_id: uuidOf('req', body.ids[0]),
      attempt: 1,
      calls: 1,
      revision: 2,
      org_id: 'acme',
      key_id: 'dev',
      user_id: 'ana',
      feature: 'search',
      agent_id: 'a1',
      agent_name: 'Agent',
      framework: 'langchain',
      request_type: 'tool_execution',
      session_id: 's1',
      group_name: 'g1',
      metadata: { ticket: 42 },
      dialect: 'ingest',
      endpoint: '/admin/v1/usage',
      stream: true,
      requested_model: 'gpt-4o-mini',
      connection_id: 'elsewhere',
      provider: 'openai',
      model: 'gpt-4o-mini',
      input_tokens: 1_000,
      cached_input_tokens: 400,
      output_tokens: 100,
      reasoning_tokens: 30,
      total_tokens: 1_100,
      parts: { input: 600, cache_read: 400, output: 70, reasoning: 30 },
      usage_source: 'provider',
      // 600 × $0.15, 400 × $0.075 and 100 × $0.60 a million.
      cost_nano_usd: 180_000,
      charge_nano_usd: 180_000,
      price_status: 'exact',
      success: true,
      status: 'complete',
      response_time_ms: 812,
      first_token_ms: 90,
      tracked: true,
    }),
  ])
  expect(timeOf(rows[0]?.id ?? '')).toBe(Date.parse('2026-11-22T08:30:00Z'))
})

describe('a record', () => {
  test('that comes twice is one row, and of another time, organisation or name another', async () => {
    const other = { ...least, org: 'umbrella' }
    const later = { ...least, occurred_at: '2026-11-22T09:30:01+01:00' }
    const { body } = await send({ records: [least, least, other, later, { ...least, id: 'b' }] })
    const { body: again } = await send(least)
    expect(body.count).toBe(5)
    expect(body.ids[1]).toBe(body.ids[0])
    expect(again.ids[0]).toBe(body.ids[0])
    expect(new Set(body.ids).size).toBe(4)
    for (const { id } of rows)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('of which nothing is known has an unknown cost, and one that says 0 has none', async () => {
    await send({ records: [least, { ...least, id: 'b', ...used, input_tokens: 0, output_tokens: 0 }] })
    expect(rows).toMatchObject([
      { org_id: 'default', key_id: 'ingest', usage_source: 'none', requested_model: '' },
      { usage_source: 'provider', cost_nano_usd: 0, charge_nano_usd: 0 },
    ])
    expect([rows[0]?.cost_nano_usd, rows[0]?.charge_nano_usd, rows[0]?.total_tokens]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  test('keeps what the provider said that it cost beside what the price book says, and charges by the setting', async () => {
    await send({
      records: [
        { ...least, ...used, cost_usd: '0.000123456' },
        { ...least, id: 'b', cost_usd: 0.5 },
      ],
    })
    expect(rows).toMatchObject([
      { provider_cost_nano_usd: 123_456, cost_nano_usd: 210_000, charge_nano_usd: 123_456 },
      { provider_cost_nano_usd: 500_000_000, charge_nano_usd: 500_000_000 },
    ])
  })

  test('that failed says so, and is charged for what was stated', async () => {
    await send({ ...least, ...used, error_code: 'timeout', error_message: 'No answer.' })
    expect(rows).toMatchObject([
      { success: false, status: 'failed', error_code: 'timeout', charge_nano_usd: 210_000, http_status: undefined },
    ])
  })

  test('of a model that nobody knows has the default price, and says so', async () => {
    await send({ ...least, ...used, model: 'unheard-of' })
    expect(rows).toMatchObject([{ price_status: 'default', flags: ['default_price'], cost_nano_usd: 3_300_000 }])
  })

  test('may state disjoint parts instead of tokens', async () => {
    await send({ ...least, provider: 'openai', model: 'gpt-4o-mini', parts: { input: 10, cache_read: 5, output: 2 } })
    expect(rows).toMatchObject([{ input_tokens: 15, cached_input_tokens: 5, output_tokens: 2 }])
  })

  test('of a key that is not tracked says nothing of whom it was for [S3-04] [S3-08]', async () => {
    const failed = { error_code: 'unknown_user', error_message: 'ana is not known; T-42 is not open' }
    const record = { ...least, ...used, ...failed, user: 'ana', metadata: { ticket: 'T-42' }, request_type: 'chat' }
    await send({ ...record, key: 'hidden' })
    const nameless = { ...failed, error_message: '… is not known; … is not open' }
    expect(rows).toMatchObject([{ tracked: false, request_type: 'chat', total_tokens: 1_100, ...nameless }])
    await send({ ...record, id: 'tracked' })
    expect(rows[1]).toMatchObject({ tracked: true, user_id: 'ana', ...failed })
    expect(rows[0]).not.toHaveProperty('user_id')
    expect(rows[0]).not.toHaveProperty('metadata')
  })
})

describe('nothing is taken', () => {
  test('where one of many is wrong, and every problem is told with its place', async () => {
    const { status, type, body } = await send({
      records: [
        least,
        { ...least, id: '', occurred_at: 'yesterday', colour: 'red' },
        { ...least, input_tokens: -1, parts: { input: 1, sugar: 2 } },
        { ...least, input_tokens: 5, cached_input_tokens: 9, metadata: { deep: {} } },
        { ...least, cost_usd: '1e3', http_status: 42, metadata: { a: 'x'.repeat(5_000) } },
      ],
    })
    expect([status, type]).toEqual([400, 'application/problem+json'])
    expect(body.code).toBe('invalid_request')
    const pointers = body.errors.map(({ pointer }: { pointer: string }) => pointer)
    expect(pointers.toSorted()).toEqual([
      '/records/1/colour',
      '/records/1/id',
      '/records/1/occurred_at',
      '/records/2/input_tokens',
      '/records/2/parts/sugar',
      '/records/3/metadata/deep',
      '/records/4/cost_usd',
      '/records/4/http_status',
      '/records/4/metadata',
    ])
    expect(body.detail).toMatch(/^Nothing was taken: .+, and 8 more\.$/)
    expect(rows).toEqual([])
  })

  test.each([
    [{ occurred_at: '2026-11-22T12:05:01Z' }, '/occurred_at', 'is more than 5 minutes ahead'],
    [{ occurred_at: '2026-08-24T23:59:59Z' }, '/occurred_at', 'is older than the 90 days that rows are kept'],
    [{ key: 'dev', org: 'umbrella' }, '/org', 'is not the organisation of the key dev, which is acme'],
    [{ model: 'gpt-4o' }, '/provider', expect.stringContaining('is missing')],
    [{ input_tokens: 1, cached_input_tokens: 2 }, '/input_tokens', expect.stringContaining('at least the 2')],
    [{ parts: { input: 10.5, seconds: 1.5 } }, '/parts/input', 'expected a whole number, 0 to 1000000000'],
    [{ output_tokens: 1, parts: { output: 1 } }, '/output_tokens', expect.stringContaining('either parts or tokens')],
  ])('of %j', async (more, pointer, detail) => {
    const { status, body } = await send({ ...least, ...more })
    expect(status).toBe(400)
    expect(body.errors).toEqual([{ pointer, detail }])
    expect(rows).toEqual([])
  })

  test('of a day whose rows were deleted before their time', async () => {
    since = '2026-11-20'
    const { status, body } = await send({ ...least, occurred_at: '2026-11-19T23:59:59Z' })
    expect(status).toBe(400)
    expect(body.errors).toEqual([{ pointer: '/occurred_at', detail: 'is before 2026-11-20: older rows were deleted' }])
    expect(rows).toEqual([])
    expect((await send({ ...least, occurred_at: '2026-11-20T00:00:00Z' })).status).toBe(202)
  })

  test('where they cannot be written down', async () => {
    full = true
    const { status, type, body } = await send({ records: [least, { ...least, id: 'b' }] })
    expect({ status, type }).toEqual({ status: 503, type: 'application/problem+json' })
    expect(body).toMatchObject({
      code: 'journal_unavailable',
      detail: 'Nothing was taken. The usage journal cannot be written.',
    })
    expect((await send(least, '?dry_run=true')).status).toBe(200)
  })

  test('of a body that is no record, nor a list of at most a thousand', async () => {
    expect((await send('{')).body.code).toBe('invalid_json')
    expect((await send([least])).body.code).toBe('invalid_json')
    expect((await send({ records: [] })).body.errors).toEqual([
      { pointer: '/records', detail: 'expected at least one record' },
    ])
    const tooMany = Array.from({ length: 1_001 }, (_, n) => ({ ...least, id: String(n) }))
    expect((await send({ records: tooMany })).body.errors).toEqual([
      { pointer: '/records', detail: 'expected at most 1000 records' },
    ])
    expect((await send(`{"id":"${'x'.repeat(9 * 1024 * 1024)}"}`)).status).toBe(413)
    expect((await send(least, '?dryrun=true')).body.code).toBe('unknown_parameter')
  })

  test('on a dry run, which answers what a real one would', async () => {
    const { status, body } = await send(least, '?dry_run=true')
    expect([status, body.dry_run, body.count]).toEqual([200, true, 1])
    expect(rows).toEqual([])
    expect((await send(least)).body.ids).toEqual(body.ids)
  })

  test('the oldest day that rows are kept of is taken to its first moment', async () => {
    expect((await send({ ...least, occurred_at: '2026-08-25T00:00:00Z' })).status).toBe(202)
  })
})
