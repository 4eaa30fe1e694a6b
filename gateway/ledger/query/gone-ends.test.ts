import { expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { dayMs } from '../../domain/day.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { dropExpired, firstDayOf } from '../retention/retention.ts'
import { UsageLedger } from '../usage.ts'
import { usageSums } from './usage-sums.ts'

const current = testDatabase()
const now = systemClock.now()
const minuteMs = 60_000

test('a range that ends between quarters says so where the rows are gone that would tell', async () => {
  const { database } = current()
  const ledger = new UsageLedger(database, systemClock)
  const ten = (back: number) => Math.floor(now / dayMs - back) * dayMs + 600 * minuteMs
  const calls = [20, 5].flatMap((back) => [5, 20, 40, 50].map((minute) => rowAt(ten(back) + minute * minuteMs)))
  await ledger.write(calls.map(rowText))
  await ledger.close()
  const ask = async (back: number, minutes: readonly [number, number]) => {
    const [from = 0, to = 0] = minutes.map((minute) => ten(back) + minute * minuteMs)
    const { total, notes } = await usageSums(database, { scope: { org: 'acme' }, metrics: ['requests'], from, to, now })
    return [total.values.requests, notes]
  }
  expect(await ask(20, [1, 59])).toEqual([4, []])

  const since = firstDayOf(10, now)
  await dropExpired(database, { rows: since })
  const said = expect.stringMatching(/^single rows are kept since \d{4}-\d\d-\d\d: what lies between an end/)
  expect(await ask(20, [1, 59])).toEqual([2, [said]])
  expect(await ask(20, [0, 60])).toEqual([4, []])
  expect(await ask(5, [1, 59])).toEqual([4, []])
})
