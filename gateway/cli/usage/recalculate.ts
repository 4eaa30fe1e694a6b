import { defineCommand } from 'citty'
import type { LoadedConfiguration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { listOverrides } from '../../ledger/configured/price-overrides.ts'
import type { Database } from '../../ledger/database.ts'
import { recalculate } from '../../ledger/recalculate/recalculate.ts'
import type { Recalculation } from '../../ledger/recalculate/recalculation.ts'
import type { RowsToPrice } from '../../ledger/recalculate/rows-to-price.ts'
import { reprice } from '../../pipeline/reprice.ts'
import { actor } from '../actor.ts'
import { count, rowsInWords } from '../format.ts'
import { instantOf } from '../instant.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, type Exit, exits, note } from '../output.ts'
import { pricesHere } from '../prices-here.ts'
import { canAsk, confirmed } from '../prompt.ts'
import { readConfiguration } from '../read-configuration.ts'
import { spinning } from '../spinner.ts'
import { withLedger } from '../visit.ts'
import { differenceIn, movedTable, tellMoved } from './moved.ts'

/** `tollgate usage recalculate` */
export const recalculateUsage = defineCommand({
  meta: {
    description:
      'Prices rows again by the prices of now, each by those of its own time; sums and budgets move with them',
    examples: [
      'tollgate usage recalculate --from 2026-11-01 --dry-run',
      'tollgate usage recalculate --from 2026-11-01 --unpriced --yes',
    ],
  },
  args: {
    from: {
      type: 'string',
      required: true,
      valueHint: 'date',
      description: 'Rows from this day or time on (in TOLLGATE_TIMEZONE)',
    },
    to: { type: 'string', valueHint: 'date', description: 'Rows before this day or time; all until now without it' },
    model: { type: 'string', valueHint: 'name', description: 'Only rows of this model, as rows have it' },
    provider: { type: 'string', valueHint: 'id', description: 'Only rows of this provider' },
    connection: { type: 'string', valueHint: 'id', description: 'Only rows of this connection' },
    org: { type: 'string', valueHint: 'id', description: 'Only rows of this organisation' },
    key: { type: 'string', valueHint: 'id', description: 'Only rows of this key' },
    unpriced: { type: 'boolean', description: 'Only rows at the default price, or at none' },
    'dry-run': { type: 'boolean', description: 'Only say what would change' },
    yes: { type: 'boolean', description: 'Do not ask' },
    json: jsonOption,
  },
  run: async ({ args }): Promise<Exit> => {
    const configuration = readConfiguration()
    const rows = rowsOf(args, configuration.timezone)
    const dryRun = args['dry-run'] === true
    if (!dryRun && !args.yes && !canAsk()) {
      throw new CommandFailure(exits.wrongUse, 'rows are not priced again without a yes', {
        fix: 'look first with --dry-run; then say it with --yes',
      })
    }
    const telling = { rows, dryRun, json: args.json === true }
    if (dryRun || !args.yes) {
      const planned = await priced(configuration, rows, true)
      if (dryRun || planned.changed === 0 || planned.interrupted) return tellMoved(planned, telling)
      // The ledger is closed while somebody thinks about it.
      if (!(await agreed(planned))) return exits.wrongUse
    }
    return tellMoved(await priced(configuration, rows, false), telling)
  },
})

async function agreed(planned: Recalculation): Promise<boolean> {
  note(`${movedTable(planned)}\n`)
  const yes = await confirmed(`Change ${rowsInWords(planned.changed)}: ${differenceIn(planned)}?`)
  if (!yes) note('Nothing was changed.')
  return yes
}

interface Given {
  readonly from: string
  readonly to?: string | undefined
  readonly model?: string | undefined
  readonly provider?: string | undefined
  readonly connection?: string | undefined
  readonly org?: string | undefined
  readonly key?: string | undefined
  readonly unpriced?: boolean | undefined
}

function rowsOf({ from, to, unpriced, model, provider, connection, org, key }: Given, timeZone: string): RowsToPrice {
  const range = {
    from: instantOf('from', from, timeZone),
    to: to === undefined ? systemClock.now() : instantOf('to', to, timeZone),
  }
  if (range.from >= range.to) {
    throw new CommandFailure(exits.wrongUse, '--from has to be a time before --to, which is now unless it is given')
  }
  return { filter: { model, provider, connection, org, key }, ...range, unpriced: unpriced === true }
}

function priced(configuration: LoadedConfiguration, rows: RowsToPrice, dryRun: boolean): Promise<Recalculation> {
  let soFar = ''
  const price = async (database: Database, signal: AbortSignal) => {
    const { book } = pricesHere(configuration, await listOverrides(database))
    return recalculate(database, systemClock, {
      ...{ rows, dryRun, signal },
      reprice: (row) => reprice(row, book, configuration.declared.settings),
      actor: actor(),
      progressed: ({ rows: looked, changed }) => {
        soFar = `: ${count(looked)}, ${count(changed)} of them ${dryRun ? 'would change' : 'changed'}`
      },
    })
  }
  return spinning(
    () => `${dryRun ? 'looking at rows' : 'pricing rows'}${soFar}`,
    () => withLedger(configuration, price, 'ends'),
  )
}
