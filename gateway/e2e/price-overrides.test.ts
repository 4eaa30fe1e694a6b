import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { publicId } from '../domain/id.ts'
import type { OverrideLine, OverrideTerms } from '../domain/price-override.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { addOverride } from '../ledger/configured/price-overrides.ts'
import { testDatabase } from './database.ts'
import { secret, startGateway, type TestGateway } from './gateway.ts'

const current = testDatabase()
const gateways: TestGateway[] = []
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close()
})

/** R40: a change is in effect on every replica within this; the rest is for a machine that is busy. */
const patience = { timeout: 1_000 + 4_000, interval: 100 }
const other = `${secret}-other`

async function rowOf(gateway: TestGateway, key: string): Promise<UsageRow | undefined> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'Hello' }] }),
  })
  await answer.text()
  const [row] = await gateway.rowsOf(answer)
  // What the client was told is what the row says.
  expect(Number(answer.headers.get('x-tollgate-cost-usd'))).toBe((row?.charge_nano_usd ?? 0) / 1e9)
  return row
}

async function set(line: Omit<OverrideLine, 'model'>, terms: OverrideTerms): Promise<string> {
  const entry = { line: { ...line, model: 'sandbox/*' }, terms, effectiveFrom: systemClock.now() - 60_000 }
  return publicId('prc', (await addOverride(current().database, systemClock, entry, 'cli:ana')).id)
}

test('every replica prices by an override within a second, for those it is for, and rows say by which', async () => {
  const organisations = [
    { id: 'acme', name: 'Acme' },
    { id: 'other', name: 'Other' },
  ]
  const keys = [
    { id: 'dev', secret, org: 'acme' },
    { id: 'other', secret: other, org: 'other' },
  ]
  for (let i = 0; i < 2; i++) gateways.push(await startGateway(current(), { organisations, keys }))
  const versions = (key: string) =>
    Promise.all(gateways.map(async (gateway) => (await rowOf(gateway, key))?.price_version_id))
  const [listed] = await versions(secret)
  expect(listed).toMatch(/^sandbox\/sandbox\/echo@/)

  const org = await set({ scope: 'org', subject: 'acme' }, { kind: 'multiplier', billionths: 2_000_000_000 })
  await expect.poll(() => versions(secret), patience).toEqual([`${org}:${listed}`, `${org}:${listed}`])
  expect(await versions(other)).toEqual([listed, listed])

  const rates = { input: 7_000_000_000, output: 0 }
  const connection = await set({ scope: 'connection', subject: 'sandbox' }, { kind: 'absolute', rates })
  await expect.poll(() => versions(other), patience).toEqual([`${connection}:${listed}`, `${connection}:${listed}`])
  const [gateway] = gateways
  const row = gateway && (await rowOf(gateway, secret))
  expect(row).toMatchObject({ price_status: 'exact', price_version_id: `${connection}:${org}:${listed}` })
  expect(row?.cost_nano_usd).toBe((row?.input_tokens ?? 0) * 7_000)

  await set({ scope: 'connection', subject: 'sandbox' }, { kind: 'withdrawn' })
  await expect.poll(() => versions(other), patience).toEqual([listed, listed])
})
