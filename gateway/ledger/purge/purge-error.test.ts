import { expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText, type UsageRow } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { putAside } from '../quarantine.ts'
import { UsageLedger } from '../usage.ts'
import { purge } from './purge.ts'

const current = testDatabase()
const now = systemClock.now()

function failed(over: Partial<UsageRow>): UsageRow {
  const error = { error_code: 'no_ana', error_message: "No ana of 'search' (T-42) in analysis." }
  const whom = { user_id: 'ana', feature: 'search', metadata: { ticket: 'T-42' } }
  return rowAt(now, { status: 'failed', success: false, ...whom, ...error, ...over })
}

test('a purge takes the names of its rows out of what their errors say, in quarantine as well', async () => {
  const { database } = current()
  const ledger = new UsageLedger(database, systemClock)
  const refused = { attempt: 0, status: 'refused', feature: 'model_not_found', error_code: 'model_not_found' } as const
  const rows = [
    failed({}),
    failed({ error_code: 'ana' }),
    failed({ ...refused, error_message: 'Nothing is named ana.' }),
    failed({ error_code: undefined, error_message: undefined }),
    failed({ user_id: 'bo', error_message: 'No ana for bo.' }),
  ]
  expect(await ledger.store(rows.map(rowText))).toEqual([])
  await ledger.close()
  const aside = failed({ http_status: 'teapot' as never })
  await putAside(database.sql, systemClock, [{ row: rowText(aside), reason: 'no number' }])

  const request = { identity: { kind: 'user', value: 'ana' }, actor: 'cli:test' } as const
  expect(await purge(database, systemClock, { ...request, signal: new AbortController().signal })).toMatchObject({
    ...{ rows: 4, quarantined: 1 },
  })
  const found = await database.sql<UsageRow[]>`SELECT id, user_id, error_code, error_message FROM tollgate.usage`
  const stored = rows.map(({ id }) => found.find((row) => row.id === id))
  const clean = "No … of '…' (…) in analysis."
  expect(stored).toMatchObject([
    { user_id: null, error_code: 'no_ana', error_message: clean },
    { user_id: null, error_code: '…', error_message: clean },
    { user_id: null, error_code: 'model_not_found', error_message: 'Nothing is named ….' },
    { user_id: null, error_code: null, error_message: null },
    // Another's row is another's.
    { user_id: 'bo', error_code: 'no_ana', error_message: 'No ana for bo.' },
  ])
  const [left] = await database.sql<{ row: string }[]>`SELECT row FROM tollgate.quarantine`
  expect(JSON.parse(left?.row ?? '')).toMatchObject({ error_message: clean, tracked: false })
})
