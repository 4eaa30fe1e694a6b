import { join } from 'node:path'
import { defineCommand } from 'citty'
import type { Configuration } from '../config.ts'
import { systemClock } from '../domain/clock.ts'
import { timeOf } from '../domain/id.ts'
import { readJournals } from '../journal/read-journals.ts'
import type { Database } from '../ledger/database.ts'
import { undelivered } from '../ledger/verify/undelivered.ts'
import { keptDays, quarantined, verifyBudgets, verifyDay } from '../ledger/verify/verify.ts'
import type { Difference } from '../ledger/verify/verify-difference.ts'
import { repairBudget, repairDay } from '../ledger/verify/verify-repair.ts'
import { actor } from './actor.ts'
import { counted } from './format.ts'
import { instantOf } from './instant.ts'
import { jsonOption } from './options.ts'
import { type Exit, exits, note, plain, print, printJson } from './output.ts'
import { readConfiguration } from './read-configuration.ts'
import { withLedger } from './visit.ts'

/** `tollgate verify` */
export const verify = defineCommand({
  meta: {
    description: 'Compares journal, rows, sums and budgets with one another, and says exactly where they differ',
    examples: ['tollgate verify --from 2026-11-01', 'tollgate verify --repair'],
  },
  args: {
    from: { type: 'string', valueHint: 'date', description: 'Only days from this one on (in UTC)' },
    to: { type: 'string', valueHint: 'date', description: 'Only days before this one' },
    repair: { type: 'boolean', description: 'Makes sums that differ anew from the rows; it goes into the audit log' },
    json: jsonOption,
  },
  run: async ({ args }): Promise<Exit> => {
    const configuration = readConfiguration()
    const span = {
      from: args.from === undefined ? 0 : instantOf('from', args.from, 'UTC'),
      to: args.to === undefined ? Number.POSITIVE_INFINITY : instantOf('to', args.to, 'UTC'),
    }
    const report = await withLedger(configuration, (database, interrupted) =>
      compared(database, configuration, { ...span, repair: args.repair === true, interrupted }),
    )
    const agrees = report.differences.length === 0 && report.late.length === 0
    if (args.json) printJson({ agrees, ...report })
    else say(report, agrees)
    return agrees ? exits.ok : exits.failure
  },
})

interface Task {
  readonly from: number
  readonly to: number
  readonly repair: boolean
  readonly interrupted: AbortSignal
}

interface Report {
  readonly days: number
  readonly differences: readonly Difference[]
  /** What was wrong and is right now. */
  readonly repaired: number
  /** Rows of the journal that the ledger should have by now. */
  readonly late: readonly string[]
  readonly onTheirWay: number
  readonly quarantined: readonly { readonly id: string; readonly reason: string }[]
}

async function compared(database: Database, configuration: Configuration, task: Task): Promise<Report> {
  const all = await keptDays(database)
  const days = all.filter((day) => Date.parse(day) >= task.from && Date.parse(day) < task.to)
  const left: Difference[] = []
  let repaired = 0
  for (const [place, day] of days.entries()) {
    if (task.interrupted.aborted) break
    const look = () => verifyDay(database, day, systemClock.now())
    let found = await look()
    note(
      `${day}  ${place + 1} of ${days.length}  ${found.length === 0 ? 'agrees' : counted(found.length, 'difference')}`,
    )
    if (task.repair && found.some(({ book }) => book !== 'call')) {
      await repairDay(database, systemClock, day, { actor: actor(), differences: found })
      const still = await look()
      repaired += found.length - still.length
      found = still
    }
    left.push(...found)
  }
  const budgets = await verifyBudgets(database, all[0])
  if (task.repair) for (const each of budgets) await repairBudget(database, systemClock, each, actor())
  const overspent = task.repair ? await verifyBudgets(database, all[0]) : budgets
  return {
    days: days.length,
    differences: [...left, ...overspent],
    repaired: repaired + budgets.length - overspent.length,
    ...(await journalOf(database, configuration)),
    quarantined: await quarantined(database),
  }
}

/** Rows are delivered several times a second; an outage is not a loss, but it is told. */
const lateMs = 120_000

// From the end of the attempt on: a row is written then, and not when its id was made.
async function journalOf(database: Database, { dataDir }: Configuration): Promise<Pick<Report, 'late' | 'onTheirWay'>> {
  const late: string[] = []
  let onTheirWay = 0
  for await (const { rows } of readJournals(join(dataDir, 'journal'))) {
    for (const { id, json } of await undelivered(database, rows)) {
      const { response_time_ms: tookMs = 0 }: { readonly response_time_ms?: number } = JSON.parse(json)
      if (systemClock.now() - timeOf(id) - tookMs > lateMs) late.push(id)
      else onTheirWay++
    }
  }
  return { late, onTheirWay }
}

const shownMax = 50

function say(report: Report, agrees: boolean): void {
  const { days, differences, repaired, late, onTheirWay, quarantined } = report
  for (const each of differences.slice(0, shownMax)) print(lineOf(each))
  if (differences.length > shownMax) print(`… and ${differences.length - shownMax} more: --json lists them`)
  for (const id of late.slice(0, shownMax)) print(`journal: row ${id} is not in the ledger`)
  for (const { id, reason } of quarantined) print(`quarantine: row ${id}: ${plain(reason)}`)
  if (onTheirWay > 0) note(`${counted(onTheirWay, 'row')} of the journal on the way to the ledger.`)
  if (repaired > 0) note(`${counted(repaired, 'difference')} repaired.`)
  const looked = `${counted(days, 'day')} looked at`
  if (agrees) note(`${looked}: journal, rows, sums and budgets agree.`)
  else note(`${looked}: ${counted(differences.length + late.length, 'difference')}.`)
}

function lineOf({ book, place, measure, rows, book_says: says }: Difference): string {
  const where = Object.entries(place).flatMap(([name, value]) => (value === null ? [] : `${name}=${value}`))
  return plain(
    `${book}: ${where.join(' ')}: ${measure}: rows say ${rows ?? 'nothing'}, ${book} says ${says ?? 'nothing'}`,
  )
}
