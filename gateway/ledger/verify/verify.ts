import { type Day, dayMs, dayOf, quarterMs } from '../../domain/day.ts'
import type { Database } from '../database.ts'
import { type Reader, reading } from '../reading.ts'
import { everyOrg } from '../roles.ts'
import { attachedDays, isDayKept, keptSince } from './kept.ts'
import { budgetDifferences, callDifferences, ofKeptRows, userDifferences } from './verify-books.ts'
import type { Difference } from './verify-difference.ts'
import { histogramDifferences, levels, sumDifferences } from './verify-sums.ts'

const hourMs = 3_600_000

/** As long as a day of many millions of rows takes. */
const patience = '10min'

/** The days whose rows are all kept at this moment, oldest first: those that have a partition. */
export async function keptDays(database: Database): Promise<readonly Day[]> {
  // Names in the schema mean something to those alone who may use it, and our login may not.
  const rows = await reading(
    database,
    everyOrg,
    (sql) => sql<{ day: Day }[]>`
      SELECT day FROM (${attachedDays(sql)}) AS attached
      WHERE day >= (SELECT to_char(rows_since, 'YYYY-MM-DD') FROM tollgate.retention) ORDER BY 1`,
  )
  return rows.map(({ day }) => day)
}

/**
 * Compares a day's rows with all that is summed from them. It sees one moment, in which rows and sums are of the same
 * transactions: that rows go on coming is no difference. Nothing is told of a day that retention takes away meanwhile.
 */
export async function verifyDay(database: Database, day: Day, now: number): Promise<readonly Difference[]> {
  const from = Date.parse(`${day}T00:00:00Z`)
  const stretch = { from: new Date(from), to: new Date(from + dayMs) }
  const differences = await looking(database, async (sql) => {
    const found: Difference[] = []
    for (const level of levels) found.push(...(await sumDifferences(sql, level, stretch)))
    found.push(...(await histogramDifferences(sql, stretch)))
    found.push(...(await userDifferences(sql, stretch)))
    found.push(...(await callDifferences(sql, stretch, now)))
    return found
  })
  if (differences.length === 0 || (await looking(database, (sql) => isDayKept(sql, day)))) return differences
  return []
}

/** Compares the rows of the last hour and of this quarter with their sums: as much as a quick look can. */
export function verifyLately(database: Database, now: number): Promise<readonly Difference[]> {
  const from = Math.floor((now - hourMs) / quarterMs) * quarterMs
  const stretch = { from: new Date(from), to: new Date(now + dayMs) }
  return looking(database, async (sql) => {
    // Longer sums began before the stretch, and hold more than it.
    const quarters = levels.filter(({ step }) => step === '15 minutes')
    const found = quarters.map((level) => sumDifferences(sql, level, stretch))
    return (await Promise.all(found)).flat()
  })
}

/** Compares what budgets have spent with the rows that say so, for windows whose rows are all kept. */
export async function verifyBudgets(database: Database, oldest: Day = dayOf(0)): Promise<readonly Difference[]> {
  const differences = await looking(database, budgetDifferences)
  const kept = await looking(database, keptSince)
  return ofKeptRows(differences, oldest > kept ? oldest : kept)
}

function looking<T>(database: Database, look: (sql: Reader) => Promise<T>): Promise<T> {
  return reading(database, everyOrg, look, patience)
}
