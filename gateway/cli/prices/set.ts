import { defineCommand } from 'citty'
import type { LoadedConfiguration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import type { PriceOverride } from '../../domain/price-override.ts'
import { addOverride } from '../../ledger/configured/price-overrides.ts'
import { actor } from '../actor.ts'
import { instantOf } from '../instant.ts'
import { jsonOption } from '../options.ts'
import { type Exit, exits, note, print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { withLedger } from '../visit.ts'
import { type Entry, entryDocument, entryTable } from './entries.ts'
import { checkLine, lineIn, lineOptions } from './line.ts'
import { termOptions, termsIn } from './terms.ts'

/** When an entry begins to hold, and whether it is made at all. */
export const entryOptions = {
  from: {
    type: 'string',
    valueHint: 'date',
    description: 'For calls from then on (in TOLLGATE_TIMEZONE); now without it',
  },
  'dry-run': { type: 'boolean', description: 'Only say what would be set' },
  json: jsonOption,
} as const

/** `tollgate prices set` */
export const set = defineCommand({
  meta: {
    description:
      'Sets a price of your own: rates, a multiple of the price below, or a fee a call. Nothing is edited, only superseded',
    examples: [
      'tollgate prices set --model gpt-4o-mini --global --input 0.15 --output 0.6 --cached 0.075',
      'tollgate prices set --model "*" --org acme --multiplier 1.2 --from 2026-12-01',
    ],
  },
  args: { ...lineOptions, ...termOptions, ...entryOptions },
  run: async ({ args, rawArgs }): Promise<Exit> => {
    const line = lineIn(args)
    const terms = termsIn(args, rawArgs)
    const exit = await enter({
      line,
      terms,
      from: args.from,
      dryRun: args['dry-run'] === true,
      json: args.json === true,
    })
    if (terms.kind === 'absolute' && terms.rates.input !== undefined && terms.rates.output === undefined)
      note('Output has no price by this: calls that are answered in tokens are unpriced.')
    return exit
  },
})

export interface NewEntry extends Pick<PriceOverride, 'line' | 'terms'> {
  readonly from: string | undefined
  readonly dryRun: boolean
  readonly json: boolean
}

/** Adds the entry, or says what it would be. */
export async function enter({ line, terms, from, dryRun, json }: NewEntry): Promise<Exit> {
  const configuration = readConfiguration()
  const now = systemClock.now()
  const effectiveFrom = from === undefined ? now : instantOf('from', from, configuration.timezone)
  const entry = await entered({ line, terms, effectiveFrom }, dryRun, configuration)
  if (json) printJson({ dry_run: dryRun, ...entryDocument(entry) })
  else print(entryTable([entry]))
  if (dryRun) note('Nothing was set.')
  else if (effectiveFrom < now)
    note(
      `Rows since then stay as they are until: tollgate usage recalculate --from ${new Date(effectiveFrom).toISOString()}`,
    )
  return exits.ok
}

function entered(entry: Entry, dryRun: boolean, configuration: LoadedConfiguration): Promise<Entry> {
  return withLedger(configuration, async (database) => {
    await checkLine(entry.line, configuration, database)
    return dryRun ? entry : await addOverride(database, systemClock, entry, actor())
  })
}
