import { join } from 'node:path'
import { defineCommand } from 'citty'
import type { Configuration } from '../config.ts'
import { systemClock } from '../domain/clock.ts'
import type { Day } from '../domain/day.ts'
import { timeOf } from '../domain/id.ts'
import { readJournals } from '../journal/read-journals.ts'
import type { Database } from '../ledger/database.ts'
import { quarantine } from '../ledger/quarantine.ts'
import { undelivered } from '../ledger/verify/undelivered.ts'
import { keptDays, verifyBudgets, verifyDay } from '../ledger/verify/verify.ts'
import { type Difference, toldMax } from '../ledger/verify/verify-difference.ts'
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
    repair: {
      type: 'boolean',
      description:
        'Makes sums, spent budgets and users seen anew from the rows where they differ; writers wait for parts of it',
    },
    json: jsonOption,
  },
  run: async ({ args }): Promise<Exit> => {
    const configuration = readConfiguration()
    const span = {
      from: args.from === undefined ? 0 : instantOf('from', args.from, 'UTC'),
      to: args.to === undefined ? Number.POSITIVE_INFINITY : instantOf('to', args.to, 'UTC'),
    }
    const report = await withLedger(
      configuration,
      (database, interrupted) =>
        compared(database, configuration, { ...span, repair: args.repair === true, interrupted }),
      'ends',
    )
    if (args.json) printJson(documentOf(report))
    else say(report)
    if (report.interrupted) return exits.interrupted
    return agrees(report) ? exits.ok : exits.failure
  },
})

interface Task {
  readonly from: number
  readonly to: number
  readonly repair: boolean
  readonly interrupted: AbortSignal
}

interface Report {
  /** Ended after the day under way: what comes after the days was not looked at. */
  readonly interrupted: boolean
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
  const found = await comparedDays(database, days, task)
  if (task.interrupted.aborted) return { interrupted: true, ...found, late: [], onTheirWay: 0, quarantined: [] }
  const budgets = await verifyBudgets(database, all[0])
  if (task.repair) for (const each of budgets) await repairBudget(database, systemClock, each, actor())
  const overspent = task.repair ? await verifyBudgets(database, all[0]) : budgets
  return {
    interrupted: false,
    days: found.days,
    differences: [...found.differences, ...overspent],
    repaired: found.repaired + budgets.length - overspent.length,
    ...(await journalOf(database, configuration)),
    quarantined: (await quarantine(database, toldMax)).rows.map(({ id, reason }) => ({ id, reason })),
  }
}

/** A day after the other: a look at one is one moment, and Ctrl-C ends it after the one under way. */
async function comparedDays(
  database: Database,
  days: readonly Day[],
  { repair, interrupted }: Task,
): Promise<Pick<Report, 'days' | 'differences' | 'repaired'>> {
  const left: Difference[] = []
  let repaired = 0
  let done = 0
  for (const day of days) {
    if (interrupted.aborted) break
    const look = () => verifyDay(database, day, systemClock.now())
    let found = await look()
    done++
    note(`${day}  ${done} of ${days.length}  ${found.length === 0 ? 'agrees' : counted(found.length, 'difference')}`)
    if (repair && found.some(({ book }) => book !== 'call')) {
      const kept = await repairDay(database, systemClock, day, { actor: actor(), differences: found })
      const still = await look()
      if (kept) repaired += found.length - still.length
      found = still
    }
    left.push(...found)
  }
  return { days: done, differences: left, repaired }
}

function agrees({ interrupted, differences, late }: Report): boolean {
  return !interrupted && differences.length === 0 && late.length === 0
}

function documentOf(report: Report) {
  const { interrupted, days, differences, repaired, late, onTheirWay, quarantined } = report
  return {
    ...{ agrees: agrees(report), interrupted, days, differences, repaired },
    ...{ late, on_their_way: onTheirWay, quarantined },
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

function say(report: Report): void {
  const { interrupted, days, differences, repaired, late, onTheirWay, quarantined } = report
  for (const each of differences.slice(0, shownMax)) print(lineOf(each))
  if (differences.length > shownMax) print(`… and ${differences.length - shownMax} more: --json lists them`)
  for (const id of late.slice(0, shownMax)) print(`journal: row ${id} is not in the ledger`)
  if (late.length > shownMax) print(`… and ${late.length - shownMax} more: --json lists them`)
  for (const { id, reason } of quarantined) print(`quarantine: row ${id}: ${plain(reason)}`)
  if (onTheirWay > 0) note(`${counted(onTheirWay, 'row')} of the journal on the way to the ledger.`)
  if (repaired > 0) note(`${counted(repaired, 'difference')} repaired.`)
  const looked = `${counted(days, 'day')} looked at`
  const found = counted(differences.length + late.length, 'difference')
  if (interrupted) note(`Interrupted: ${looked}, ${found}; not the other days, budgets and the journal.`)
  else note(agrees(report) ? `${looked}: journal, rows, sums and budgets agree.` : `${looked}: ${found}.`)
}

function lineOf({ book, place, measure, rows, book_says: says }: Difference): string {
  const where = Object.entries(place).flatMap(([name, value]) => (value === null ? [] : `${name}=${value}`))
  return plain(
    `${book}: ${where.join(' ')}: ${measure}: rows say ${rows ?? 'nothing'}, ${book} says ${says ?? 'nothing'}`,
  )
}
