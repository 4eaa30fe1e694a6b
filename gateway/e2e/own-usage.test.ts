import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import { rowText } from '../domain/usage-row.ts'
import { UsageLedger } from '../ledger/usage.ts'
import { testDatabase } from './database.ts'
import { secret, startGateway, type TestGateway } from './gateway.ts'

const database = testDatabase()
let gateway: TestGateway

beforeAll(async () => {
  gateway = await startGateway(database(), { keys: [{ id: 'dev', secret }] })
  const ledger = new UsageLedger(database().database, systemClock)
  const monday = Date.UTC(2026, 2, 2, 23, 30)
  const own = { org_id: 'default', key_id: 'dev' }
  await ledger.write(
    [
      rowAt(monday, { ...own, model: 'small', input_tokens: 7, cost_nano_usd: 1_500, price_status: 'exact' }),
      rowAt(monday + 3_600_000, { ...own, model: 'odd', price_status: 'missing' }),
      rowAt(monday, { ...own, key_id: 'other', model: 'small', input_tokens: 100 }),
    ].map(rowText),
  )
  await ledger.close()
})
afterAll(() => gateway?.close())

async function usage(query: string) {
  const answer = await fetch(`${gateway.url}/v1/me/usage?from=2026-03-02&to=2026-03-05&${query}`, {
    headers: { authorization: `Bearer ${secret}` },
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

test('a key sees its own sums, by interval and group, that add up', async () => {
  const { status, body } = await usage('group_by=model&interval=day&tz=Europe/Berlin')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    interval: 'day',
    totals: { requests: 2, input_tokens: 7, output_tokens: null, cost_usd: '0.0000015', unpriced_requests: 1 },
    points: [
      { from: '2026-03-01T23:00:00.000Z', to: '2026-03-02T23:00:00.000Z', requests: 0, cost_usd: null },
      { requests: 2, cost_usd: '0.0000015' },
      { requests: 0 },
    ],
    groups: [
      { key: 'odd', requests: 1, cost_usd: null },
      { key: 'small', requests: 1, points: [{ requests: 0 }, { requests: 1, input_tokens: 7 }, { requests: 0 }] },
    ],
  })
})

test('days may be groups too, those that have something', async () => {
  const { body } = await usage('group_by=day')
  expect(body).toMatchObject({
    groups: [
      { key: '2026-03-02', requests: 1 },
      { key: '2026-03-03', requests: 1 },
    ],
  })
  expect(body).not.toHaveProperty('points')
})

test.each(['key=other', 'user=ana', 'group_by=key', 'interval=minute', 'group_by=day&interval=hour', 'f=key:other'])(
  '%s is refused, not ignored',
  async (query) => {
    expect(await usage(query)).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } })
  },
)
