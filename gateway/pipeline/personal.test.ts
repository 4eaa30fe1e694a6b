import { expect, test } from 'vitest'
import { buildCatalog } from '../catalog/build-catalog.ts'
import { loadConfig } from '../config.ts'
import { Fault } from '../domain/fault.ts'
import type { Identity, Key } from '../domain/key.ts'
import { nanoUsd } from '../domain/money.ts'
import { personalColumns } from '../domain/tracking.ts'
import type { UsageRecord } from '../domain/usage-record.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { openPriceBook } from '../prices/open-price-book.ts'
import { readPricing } from '../prices/read-pricing.ts'
import { providers } from '../providers/index.ts'
import { ingest } from './ingest.ts'
import { refusalRow } from './row.ts'

// What a row that is not tracked lacks is what a purge takes away: one list. Who a call is for is said here in full, as
// the types demand, so that what is added to it is in a row that is tracked, and has to be in the list or in both rows.

const key: Key = {
  ...{ id: 'dev', hash: '', org: 'acme', user: undefined, feature: undefined, models: ['*'] },
  ...{ allowClientIdentity: true, expiresAt: undefined, trackUsage: undefined },
}
const identity: Required<Identity> = {
  ...{ org: 'acme', user: 'ana', feature: 'search', agent: 'a1', agentName: 'Agent', framework: 'langchain' },
  ...{ requestType: 'chat', session: 's1', group: 'g1', metadata: { ticket: 42 }, tracked: true },
}
const record: Required<UsageRecord> = {
  ...{ id: 'r1', at: Date.UTC(2026, 10, 22), org: 'acme', key: 'dev', user: 'ana', feature: 'search', agent: 'a1' },
  ...{ agentName: 'Agent', framework: 'langchain', requestType: 'chat', session: 's1', group: 'g1' },
  ...{ metadata: { ticket: 42 }, provider: 'openai', connection: 'c', model: 'gpt-4o-mini', serviceTier: 'default' },
  ...{ stream: false, usage: { input: 1, output: 1 }, providerCost: nanoUsd(1), responseTimeMs: 2, firstTokenMs: 1 },
  ...{ success: false, httpStatus: 500, errorCode: 'boom', errorMessage: 'no' },
}

function refused(tracked: boolean): UsageRow {
  const id = '01920000-0000-7000-8000-000000000000'
  const call = { id, key, identity, tracked, dialect: 'd', endpoint: '/e', stream: false, model: 'm' } as const
  return refusalRow(call, new Fault('rate_limit_exceeded', 'no'), 1)
}

async function taken(tracked: boolean): Promise<UsageRow | undefined> {
  const { declared } = loadConfig({ env: {}, cwd: '/nowhere', providers })
  const prices = openPriceBook(readPricing(new URL('../../pricing/', import.meta.url)), { defaultPerMtok: nanoUsd(1) })
  const rows: UsageRow[] = []
  const journal = { take: async (all: readonly UsageRow[]) => void rows.push(...all) }
  const catalog = buildCatalog({ ...declared, keys: [{ ...key, trackUsage: tracked }], connections: [] }, 1)
  const clock = { now: () => record.at + 1_000, elapsed: () => 0 }
  await ingest([record], false, { catalog, clock, journal, prices, rowsSince: async () => undefined })
  return rows[0]
}

const columnsOf = (row: UsageRow | undefined) => Object.keys(JSON.parse(JSON.stringify(row ?? {})))

test.each([
  ['a refusal', refused],
  ['usage from elsewhere', taken],
] as const)('the row of %s that is not tracked lacks the personal columns, and nothing else', async (_, rowOf) => {
  const there = new Set(columnsOf(await rowOf(false)))
  const missing = columnsOf(await rowOf(true)).filter((column) => !there.has(column))
  expect(missing.toSorted()).toEqual(personalColumns.toSorted())
})
