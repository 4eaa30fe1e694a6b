import { defineCommand } from 'citty'
import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { dayMs, dayOf } from '../../domain/day.ts'
import type { UsageRow } from '../../domain/usage-row.ts'
import { firstDayOf } from '../../ledger/retention/retention.ts'
import { type Cleanup, cleanUp, type OldUsage, oldUsage } from '../../ledger/retention/retention-cleanup.ts'
import { actor } from '../actor.ts'
import { count, rowsInWords, size, usd } from '../format.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, type Exit, exits, note, print, printJson } from '../output.ts'
import { canAsk, confirmed } from '../prompt.ts'
import { readConfiguration } from '../read-configuration.ts'
import { spinning } from '../spinner.ts'
import { table } from '../table.ts'
import { withLedger } from '../visit.ts'

/** `tollgate usage cleanup` */
export const cleanupUsage = defineCommand({
  meta: {
    description: 'Deletes old rows, by whole days in UTC; the sums over them are kept',
    examples: ['tollgate usage cleanup --days 90 --dry-run', 'tollgate usage cleanup --days 90 --yes'],
  },
  args: {
    days: {
      type: 'string',
      valueHint: 'count',
      default: '30',
      description: 'Keeps today and so many days before it, whatever settings.retention says; 30 unless said otherwise',
    },
    'dry-run': { type: 'boolean', description: 'Only say what would be deleted, and show ten of the rows' },
    yes: { type: 'boolean', description: 'Do not ask' },
    json: jsonOption,
  },
  run: async ({ args }): Promise<Exit> => {
    const days = daysOf(args.days)
    const configuration = readConfiguration()
    const before = dayOf(systemClock.now() - days * dayMs)
    const dryRun = args['dry-run'] === true
    const old = await withLedger(configuration, (database) => oldUsage(database, before))
    const asJson = args.json === true
    if (old.rows === 0) {
      if (asJson) printJson(documentOf(old, { dryRun }))
      else note(`No usage rows older than ${days} day${days === 1 ? '' : 's'}.`)
      return exits.ok
    }
    warn(old, configuration.declared.settings.retention.rowsDays)
    if (dryRun) return tellDryRun(old, asJson)
    // The ledger is closed while somebody thinks about it.
    if (!args.yes && !(await agreed(old))) {
      note('Nothing was deleted.')
      return exits.wrongUse
    }
    return tell(await cleaned(configuration, old), old, asJson)
  },
})

function daysOf(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (days >= 1) return days
  throw new CommandFailure(exits.wrongUse, `--days wants a whole number, 1 or more, and got ${JSON.stringify(text)}`)
}

// A setting is a promise too: whoever deletes sooner should know it.
function warn({ to }: OldUsage, rowsDays: number): void {
  if (to === undefined || dayOf(to.getTime()) < firstDayOf(rowsDays, systemClock.now())) return
  note(`Among them are rows that settings.retention.rows_days (${rowsDays}) would keep longer.`)
}

async function agreed(old: OldUsage): Promise<boolean> {
  const what = `${rowsInWords(old.rows)} older than ${old.before} (about ${size(old.bytes)})`
  if (canAsk()) return confirmed(`Delete ${what}? Rollups are kept.`)
  throw new CommandFailure(exits.wrongUse, `${what} are not deleted without a yes`, {
    fix: 'look first with --dry-run; then say it with --yes',
  })
}

function cleaned(configuration: Configuration, old: OldUsage): Promise<Cleanup> {
  let gone = 0
  const share = () => gone / old.rows
  const bar = () => '█'.repeat(Math.floor(share() * 10)).padEnd(10, '░')
  return spinning(
    () => `▕${bar()}▏ ${Math.floor(share() * 100)} %  ${count(gone)} / ${count(old.rows)}`,
    () =>
      withLedger(
        configuration,
        (database, signal) =>
          cleanUp(database, systemClock, {
            ...{ old, actor: actor(), signal },
            progressed: (rows) => {
              gone = rows
            },
          }),
        'ends',
      ),
  )
}

function tellDryRun(old: OldUsage, asJson: boolean): Exit {
  if (asJson) {
    printJson(documentOf(old, { dryRun: true }))
    return exits.ok
  }
  const span = `${old.from?.toISOString().slice(0, 10)} to ${old.to?.toISOString().slice(0, 10)}`
  print(`${rowsInWords(old.rows)} older than ${old.before}, of ${span}, about ${size(old.bytes)}. The oldest:`)
  print(table(columns, old.sample.map(cellsOf)))
  note('Nothing was deleted.')
  return exits.ok
}

function tell(cleanup: Cleanup, old: OldUsage, asJson: boolean): Exit {
  if (cleanup.busy) {
    throw new CommandFailure(exits.conflict, 'another process deletes old rows at this moment', {
      fix: 'try again in a moment',
    })
  }
  const { rows, bytes, interrupted } = cleanup
  if (asJson) printJson(documentOf(old, { dryRun: false, rows, bytes, interrupted }))
  else if (interrupted) note(`Interrupted: deleted ${rowsInWords(rows)} of ${count(old.rows)}, ${size(bytes)}.`)
  else note(`Deleted ${rowsInWords(rows)} older than ${old.before}, ${size(bytes)}. Rollups are kept.`)
  return interrupted ? exits.interrupted : exits.ok
}

const columns = ['TIME', 'KEY', 'USER', 'MODEL', 'STATUS', 'CHARGE'].map((head) => ({ head }))

function cellsOf(row: Partial<UsageRow> & { readonly started_at?: string }): readonly string[] {
  const { started_at = '', key_id = '', user_id = '—', model, requested_model = '', status = '', charge_nano_usd } = row
  const at = new Date(started_at).toISOString().replace(/\.\d+/, '')
  return [at, key_id, user_id, model ?? requested_model, status, usd(charge_nano_usd)]
}

interface Outcome {
  readonly dryRun: boolean
  readonly rows?: number
  readonly bytes?: number
  readonly interrupted?: boolean
}

function documentOf(old: OldUsage, { dryRun, rows = 0, bytes = 0, interrupted = false }: Outcome) {
  return {
    dry_run: dryRun,
    interrupted,
    before: old.before,
    rows: old.rows,
    from: old.from?.toISOString() ?? null,
    to: old.to?.toISOString() ?? null,
    bytes: old.bytes,
    sample: old.sample,
    deleted_rows: rows,
    deleted_bytes: bytes,
  }
}
