import { expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { publicId } from '../../domain/id.ts'
import { nanoUsd } from '../../domain/money.ts'
import type { PriceOverride } from '../../domain/price-override.ts'
import { testDatabase } from '../../e2e/database.ts'
import { become } from '../roles.ts'
import { catalogVersion } from './catalog-state.ts'
import { addOverride, listOverrides } from './price-overrides.ts'

const current = testDatabase()
const at = Date.UTC(2026, 4, 1)

const entries: readonly Omit<PriceOverride, 'id'>[] = [
  {
    line: { scope: 'global', model: 'gpt-*' },
    effectiveFrom: at + 1,
    terms: { kind: 'multiplier', billionths: 1_200_000_001 },
  },
  {
    line: { scope: 'connection', subject: 'main', provider: 'openai', model: 'gpt-4o' },
    effectiveFrom: at,
    terms: { kind: 'absolute', rates: { input: 150_000_001, output: 0, requests: 1_000_000_000_000 } },
  },
  {
    line: { scope: 'org', subject: 'acme', model: '*' },
    effectiveFrom: at + 2,
    terms: { kind: 'per_request', fee: nanoUsd(10_000_001) },
  },
  { line: { scope: 'global', model: 'gpt-*' }, effectiveFrom: at + 3, terms: { kind: 'withdrawn' } },
]

test('overrides are told as they were made, to the nano-dollar, in the order of their effect; each is audited', async () => {
  const { database } = current()
  const before = await catalogVersion(database.sql)
  const made: PriceOverride[] = []
  for (const entry of entries) made.push(await addOverride(database, systemClock, entry, 'cli:ana'))
  expect(await listOverrides(database)).toEqual([made[1], made[0], made[2], made[3]])
  expect(made.map(({ id, ...rest }) => rest)).toEqual(entries)
  expect(await catalogVersion(database.sql)).toBe(before + 4n)

  const audited = await database.sql`
    SELECT actor, action, target, org_id AS org, detail FROM tollgate.audit_log ORDER BY id`
  expect(audited.map(({ target }) => target)).toEqual(made.map(({ id }) => publicId('prc', id)))
  expect(audited.map(({ actor, action, org }) => [actor, action, org])).toEqual([
    ['cli:ana', 'price_override.created', null],
    ['cli:ana', 'price_override.created', null],
    ['cli:ana', 'price_override.created', 'acme'],
    ['cli:ana', 'price_override.withdrawn', null],
  ])
  expect(audited[1]?.['detail']).toEqual({
    ...{ scope: 'connection', subject: 'main', provider: 'openai', model: 'gpt-4o', kind: 'absolute' },
    usd_per_mtok: { input: '0.150000001', output: '0', requests: '1000' },
    effective_from: '2026-05-01T00:00:00.000Z',
  })
})

test('an override is never changed and never removed, whoever tries', async () => {
  const { sql } = current().database
  for (const change of [
    'UPDATE tollgate.price_overrides SET multiplier = 1',
    'DELETE FROM tollgate.price_overrides',
    'TRUNCATE tollgate.price_overrides',
  ]) {
    await expect(sql.unsafe(change)).rejects.toThrow('append-only')
  }
  expect(await listOverrides(current().database)).toHaveLength(4)
})

test('an override whose terms are not those of its kind is refused, and nothing is audited', async () => {
  const { database } = current()
  const of = (terms: PriceOverride['terms']) => ({
    line: { scope: 'global', model: 'm' } as const,
    effectiveFrom: at,
    terms,
  })
  const wrong = [of({ kind: 'absolute', rates: {} }), of({ kind: 'multiplier', billionths: 0 })]
  for (const entry of wrong) await expect(addOverride(database, systemClock, entry, 'cli:ana')).rejects.toThrow('check')
  const [count] = await database.sql`SELECT count(*)::integer AS audited FROM tollgate.audit_log`
  expect(count).toEqual({ audited: 4 })
})

test('an organisation sees no overrides: they tell what others pay', async () => {
  const { seen } = await current().database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_app', { 'tollgate.org': 'acme' })
    return { seen: await tx`SELECT * FROM tollgate.price_overrides` }
  })
  expect(seen).toEqual([])
})
