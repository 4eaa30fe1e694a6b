import { expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { dayOf } from '../../domain/day.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { UsageLedger } from '../usage.ts'
import { verifyDay } from '../verify/verify.ts'

const current = testDatabase()
const now = systemClock.now()

test('models that nobody serves are one series, and rows have them as they were asked for', async () => {
  const { database } = current()
  const ledger = new UsageLedger(database, systemClock)
  const refused = { attempt: 0, status: 'refused', success: false, http_status: 404 } as const
  const rows = [
    ...Array.from({ length: 30 }, (_, i) => ({
      ...refused,
      requested_model: `made-up-${i}`,
      error_code: i % 2 === 0 ? 'model_not_found' : 'model_not_allowed',
    })),
    // A limit's refusal is of a model that somebody serves, and so is whatever a provider was asked.
    { ...refused, requested_model: 'fast', error_code: 'rate_limit_exceeded' },
    { attempt: 1, requested_model: 'slow', error_code: 'model_not_found' },
  ].map((over) => rowAt(now, over))
  expect(await ledger.store(rows.map(rowText))).toEqual([])
  await ledger.close()

  const names = await database.sql`
    SELECT requested_model, count(DISTINCT error_code)::int AS codes, count(*)::int AS series
    FROM tollgate.series GROUP BY requested_model ORDER BY requested_model COLLATE "C"`
  // Each once with users told apart and once without.
  expect(names).toEqual([
    { requested_model: '(other)', codes: 2, series: 4 },
    { requested_model: 'fast', codes: 1, series: 2 },
    { requested_model: 'slow', codes: 1, series: 2 },
  ])
  const [asked] = await database.sql`SELECT count(DISTINCT requested_model)::int AS names FROM tollgate.usage`
  expect(asked).toEqual({ names: 32 })
  expect(await verifyDay(database, dayOf(now), now)).toEqual([])
})
