import { defineCommand } from 'citty'
import { systemClock } from '../../domain/clock.ts'
import { uuidOf } from '../../domain/id.ts'
import { dropQuarantined, findQuarantined, quarantine, replayQuarantine } from '../../ledger/quarantine.ts'
import { UsageLedger } from '../../ledger/usage.ts'
import { actor } from '../actor.ts'
import { count, rowsInWords } from '../format.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, type Exit, exits, note, plain, print, printJson } from '../output.ts'
import { canAsk, confirmed } from '../prompt.ts'
import { readConfiguration } from '../read-configuration.ts'
import { table } from '../table.ts'
import { withLedger } from '../visit.ts'

const listMax = 100
const idArg = { type: 'positional', required: true, valueHint: 'id', description: 'As `list` shows it' } as const

const list = defineCommand({
  meta: {
    description: 'Lists rows that PostgreSQL refused, with the reason, oldest first',
    examples: ['tollgate usage quarantine list', 'tollgate usage quarantine list --json'],
  },
  args: { json: jsonOption },
  run: async ({ args }) => {
    const { total, rows } = await withLedger(readConfiguration(), (database) => quarantine(database, listMax))
    if (args.json) {
      return printJson({ total, rows: rows.map(({ id, at, reason }) => ({ id, at: at.toISOString(), reason })) })
    }
    if (total === 0) return note('No rows are in quarantine.')
    const columns = [{ head: 'ID' }, { head: 'SINCE' }, { head: 'REASON', widthMax: 90 }]
    print(
      table(
        columns,
        rows.map(({ id, at, reason }) => [id, at.toISOString().replace(/\.\d+/, ''), reason]),
      ),
    )
    if (total > rows.length) note(`${count(total)} in all; these are the oldest.`)
  },
})

const show = defineCommand({
  meta: {
    description: 'Shows a row in quarantine as it came',
    examples: ['tollgate usage quarantine show 019abc12-3456-7890-abcd-ef0123456789'],
  },
  args: { id: idArg, json: jsonOption },
  run: async ({ args }) => {
    const id = idOf(args.id)
    const found = await withLedger(readConfiguration(), (database) => findQuarantined(database, id))
    if (!found) throw nowhere(args.id)
    if (args.json) return printJson({ ...found, at: found.at.toISOString() })
    note(`since ${found.at.toISOString()}: ${plain(found.reason)}`)
    print(plain(found.row))
  },
})

const replay = defineCommand({
  meta: {
    description: 'Tries all of them again, and says how many are left',
    examples: ['tollgate usage quarantine replay', 'tollgate usage quarantine replay --json'],
  },
  args: { json: jsonOption },
  run: async ({ args }) => {
    const again = await withLedger(
      readConfiguration(),
      async (database, signal) => {
        const ledger = new UsageLedger(database, systemClock)
        try {
          const store = (rows: Parameters<UsageLedger['store']>[0]) => ledger.store(rows)
          return await replayQuarantine(database, systemClock, { store, actor: actor(), signal })
        } finally {
          await ledger.close()
        }
      },
      'ends',
    )
    if (args.json) return printJson(again)
    note(`${rowsInWords(again.stored)} went in, ${count(again.left)} left.`)
  },
})

const drop = defineCommand({
  meta: {
    description: 'Throws a row in quarantine away, for good',
    examples: ['tollgate usage quarantine drop 019abc12-3456-7890-abcd-ef0123456789 --yes'],
  },
  args: {
    id: idArg,
    'dry-run': { type: 'boolean', description: 'Only say whether it is there' },
    yes: { type: 'boolean', description: 'Do not ask' },
    json: jsonOption,
  },
  run: async ({ args }): Promise<Exit> => {
    const id = idOf(args.id)
    if (args['dry-run']) {
      const found = await withLedger(readConfiguration(), (database) => findQuarantined(database, id))
      if (!found) throw nowhere(args.id)
      if (args.json) printJson({ dry_run: true, id })
      else note(`${id} would be thrown away: ${plain(found.reason)}`)
      return exits.ok
    }
    if (!args.yes && !(await agreed(id))) {
      note('Nothing was thrown away.')
      return exits.wrongUse
    }
    const gone = await withLedger(readConfiguration(), (database) =>
      dropQuarantined(database, systemClock, id, actor()),
    )
    if (!gone) throw nowhere(args.id)
    if (args.json) printJson({ dry_run: false, id })
    else note(`${id} is gone.`)
    return exits.ok
  },
})

/** `tollgate usage quarantine …` */
export const quarantineOfUsage = defineCommand({
  meta: {
    description: 'Rows that PostgreSQL refused: looks at them, tries them again, throws them away',
    examples: ['tollgate usage quarantine list', 'tollgate usage quarantine replay'],
  },
  subCommands: { list, show, replay, drop },
})

function idOf(text: string): string {
  if (/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) return text.toLowerCase()
  const id = uuidOf('req', text)
  if (id === undefined) throw nowhere(text)
  return id
}

async function agreed(id: string): Promise<boolean> {
  if (canAsk()) return confirmed(`Throw ${id} away? It will count nowhere.`)
  throw new CommandFailure(exits.wrongUse, 'no row is thrown away without a yes', { fix: 'say it with --yes' })
}

function nowhere(text: string): CommandFailure {
  return new CommandFailure(exits.notFound, `no row ${JSON.stringify(text)} is in quarantine`, {
    fix: 'tollgate usage quarantine list shows them',
  })
}
