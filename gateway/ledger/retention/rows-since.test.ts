import { expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { dayMs } from '../../domain/day.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { UsageLedger } from '../usage.ts'
import { dropExpired, firstDayOf } from './retention.ts'
import { rowsSince } from './rows-since.ts'

const current = testDatabase()

test('tells since when rows are taken: ever, until days are dropped', async () => {
  const { database } = current()
  expect(await rowsSince(database)).toBe('0001-01-01')
  const now = systemClock.now()
  const ledger = new UsageLedger(database, systemClock)
  await ledger.write([rowText(rowAt(now - 3 * dayMs))])
  await ledger.close()
  const rows = firstDayOf(3, now)
  await dropExpired(database, { rows })
  expect(await rowsSince(database)).toBe(rows)
})
