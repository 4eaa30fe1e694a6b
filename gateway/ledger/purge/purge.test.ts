import { beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { dayMs, dayOf } from '../../domain/day.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText, type UsageRow } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { measures, seriesLabels } from '../measures.ts'
import { putAside } from '../quarantine.ts'
import { dropExpired } from '../retention/retention.ts'
import { UsageLedger } from '../usage.ts'
import { countPurge, purge } from './purge.ts'
import type { Identity } from './purge-identity.ts'

const current = testDatabase()
const now = systemClock.now()
const { signal } = new AbortController()

function rowsOf(days: number, over: Partial<UsageRow>, count = 1): readonly UsageRow[] {
  return Array.from({ length: count }, (_, i) =>
    rowAt(now - days * dayMs - i * 60_000, {
      ...{ cost_nano_usd: 7_000_000_001 + i, charge_nano_usd: 11 + i, input_tokens: 100 + i, output_tokens: 10 },
      ...{ response_time_ms: 100 * (i + 1), first_token_ms: 20, usage_source: 'provider' },
      budgets: [{ budget: 'team', subject: 'hash', window: '2026-11' }],
      ...over,
    }),
  )
}

const ana = { user_id: 'ana', feature: 'search', session_id: 's1', metadata: { team: 'x' }, group_name: 'g' }

beforeAll(async () => {
  const ledger = new UsageLedger(current().database, systemClock)
  const rows = [
    ...[...rowsOf(0, ana, 1_100), ...rowsOf(0, { ...ana, org_id: 'other' })],
    ...[...rowsOf(5, ana, 30), ...rowsOf(5, { user_id: 'bo', feature: 'search' }, 3), ...rowsOf(5, {}, 2)],
    ...[
      ...rowsOf(5, { user_id: 'cy', agent_id: 'robot', agent_name: 'R' }, 4),
      ...rowsOf(0, { agent_id: 'robot', key_id: 'k2' }, 4),
    ],
  ]
  expect(await ledger.store(rows.map(rowText))).toEqual([])
  await ledger.close()
  await putAside(current().database.sql, systemClock, [
    { row: rowText(rowAt(now, { ...ana, http_status: 'teapot' as never })), reason: 'no number' },
  ])
  // Rows of five days ago are gone, and their sums are not.
  await dropExpired(current().database, { rows: dayOf(now - dayMs) })
})

/** All of the sums, by level, and what budgets have spent: a purge changes none of it. */
async function totals(): Promise<unknown> {
  const sums = Object.keys(measures).map((name) => `sum(${name})::text AS ${name}`)
  const { sql } = current().database
  return [
    await sql.unsafe(`
      SELECT level, at, org_id, ${sums.join(', ')}, array_replace(tollgate.histogram_sum(response_histogram), NULL, 0) AS response,
        array_replace(tollgate.histogram_sum(first_token_histogram), NULL, 0) AS first_token, min(first_at) AS first_at, max(last_at) AS last_at
      FROM tollgate.rollups GROUP BY 1, 2, 3 HAVING sum(rows) <> 0 ORDER BY 1, 2, 3`),
    await sql`SELECT * FROM tollgate.budget_spend ORDER BY 1, 2, 3`,
  ]
}

async function traces(of: string): Promise<unknown> {
  const [row] = await current().database.sql`
    SELECT (SELECT count(*)::int FROM tollgate.usage WHERE to_jsonb(usage)::text LIKE ${`%"${of}"%`}) AS rows,
      (SELECT count(*)::int FROM tollgate.series WHERE to_jsonb(series)::text LIKE ${`%"${of}"%`}) AS series,
      (SELECT count(*)::int FROM tollgate.users_seen WHERE user_id = ${of}) AS seen,
      (SELECT count(*)::int FROM tollgate.quarantine WHERE row LIKE ${`%"${of}"%`}) AS quarantined,
      (SELECT count(*)::int FROM tollgate.audit_log WHERE to_jsonb(audit_log)::text LIKE ${`%"${of}"%`}) AS audited,
      (SELECT count(*)::int FROM tollgate.rollups WHERE NOT EXISTS (SELECT FROM tollgate.series WHERE id = series_id)) AS lost`
  return row
}

const run = (identity: Identity) => purge(current().database, systemClock, { identity, actor: 'cli:test', signal })

test('a user is gone from rows, sums and quarantine, and every total stays', async () => {
  const before = await totals()
  const identity: Identity = { kind: 'user', value: 'ana', org: 'acme' }
  expect(await countPurge(current().database, identity)).toBe(1_100)
  expect(await run(identity)).toMatchObject({ rows: 1_100, quarantined: 1, interrupted: false })
  expect(await totals()).toEqual(before)
  // Of the other organisation she is another's user: a row, and her series with her and not.
  expect(await traces('ana')).toEqual({ rows: 1, series: 1, seen: 1, quarantined: 0, audited: 0, lost: 0 })
  const [row] = await current().database.sql`
    SELECT count(*)::int AS rows FROM tollgate.usage WHERE org_id = 'acme' AND NOT tracked
      AND num_nonnulls(user_id, feature, agent_id, agent_name, session_id, group_name, metadata) = 0`
  expect(row).toEqual({ rows: 1_100 })
  expect(await run(identity)).toMatchObject({ rows: 0, series: 0, quarantined: 0 })
  const [entry] = await current().database
    .sql`SELECT action, target, org_id, detail FROM tollgate.audit_log WHERE action = 'usage.purged' ORDER BY id LIMIT 1`
  expect(entry).toMatchObject({
    action: 'usage.purged',
    target: expect.stringMatching(/^[\da-f]{32}$/),
    org_id: 'acme',
    detail: { kind: 'user', rows: 1_100 },
  })
})

test.each([
  [{ kind: 'agent', value: 'robot' }, { rows: 4 }, 'robot'],
  [{ kind: 'user', value: 'cy' }, { rows: 0 }, 'cy'],
  [{ kind: 'session', value: 's1' }, { rows: 1, series: 0 }, 's1'],
  [{ kind: 'key', value: 'dev' }, { rows: 0 }, 'bo'],
] as const)('%j is forgotten in every organisation', async (identity, expected, name) => {
  const before = await totals()
  expect(await run(identity)).toMatchObject(expected)
  expect(await totals()).toEqual(before)
  expect(await traces(name)).toMatchObject({ rows: 0, series: 0, quarantined: 0, lost: 0 })
})

test('it ends after the batch under way, says so, and leaves whose rows are there among those who were seen', async () => {
  const { sql } = current().database
  const ledger = new UsageLedger(current().database, systemClock)
  expect(await ledger.store(rowsOf(0, { user_id: 'di' }, 1_500).map(rowText))).toEqual([])
  await ledger.close()
  const ending = new AbortController()
  const identity: Identity = { kind: 'user', value: 'di' }
  const request = { identity, actor: 'cli:test', signal: ending.signal, progressed: () => ending.abort() }
  expect(await purge(current().database, systemClock, request)).toEqual({
    ...{ rows: 1_000, series: 0, quarantined: 0 },
    interrupted: true,
  })
  const seen = () => sql`SELECT user_id FROM tollgate.users_seen WHERE user_id = 'di'`
  expect(await seen()).toHaveLength(1)
  expect(await run(identity)).toMatchObject({ rows: 500, interrupted: false })
  expect(await seen()).toHaveLength(0)
})

test('all of a quarantine is looked through, however long it is', async () => {
  const aside = rowsOf(0, { user_id: 'ed', http_status: 'teapot' as never }, 501)
  await putAside(
    current().database.sql,
    systemClock,
    aside.map((row) => ({ row: rowText(row), reason: 'no number' })),
  )
  expect(await run({ kind: 'user', value: 'ed' })).toMatchObject({ quarantined: 501 })
  expect(await traces('ed')).toMatchObject({ quarantined: 0 })
})

test('the labels of a series are those that writers make its id of, in their order', async () => {
  const [statement] = await current().database.sql<{ text: string }[]>`
    SELECT tollgate.rollup_statement('SELECT FROM tollgate.usage') AS text`
  const [, labels] = /series_of\(ROW\(([^()]+)\)::text\) AS series$/m.exec(statement?.text ?? '') ?? []
  expect(labels?.split(',').map((label) => label.trim())).toEqual(seriesLabels)
})

test('one that a failure breaks off is in the audit log all the same, without a name', async () => {
  const { database } = current()
  const ledger = new UsageLedger(database, systemClock)
  await ledger.write(rowsOf(0, { user_id: 'broken-off' }).map(rowText))
  await ledger.close()
  const progressed = () => {
    throw new Error('killed here')
  }
  const identity: Identity = { kind: 'user', value: 'broken-off' }
  const request = { identity, actor: 'cli:broken', signal, progressed }
  await expect(purge(database, systemClock, request)).rejects.toThrow('killed here')
  expect(await traces('broken-off')).toMatchObject({ rows: 0, audited: 0 })
  expect(await database.sql`SELECT action, target, detail FROM tollgate.audit_log WHERE actor = 'cli:broken'`).toEqual([
    { action: 'usage.purge_started', target: expect.stringMatching(/^[\da-f]{32}$/), detail: { kind: 'user' } },
  ])
})
