import { defineCommand } from 'citty'
import { systemClock } from '../../domain/clock.ts'
import { lineKey, type OverrideLine } from '../../domain/price-override.ts'
import { listOverrides } from '../../ledger/configured/price-overrides.ts'
import { instantOf } from '../instant.ts'
import { CommandFailure, type Exit, exits } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { withLedger } from '../visit.ts'
import { lineIn, lineOptions } from './line.ts'
import { enter, entryOptions } from './set.ts'

/** `tollgate prices withdraw` */
export const withdraw = defineCommand({
  meta: {
    description: 'Ends a price of your own: from then on the price below it holds. What it priced keeps its price',
    examples: [
      'tollgate prices withdraw --model gpt-4o-mini --global',
      'tollgate prices withdraw --model "*" --org acme --from 2027-01-01',
    ],
  },
  args: { ...lineOptions, ...entryOptions },
  run: async ({ args }): Promise<Exit> => {
    const line = lineIn(args)
    const { timezone } = readConfiguration()
    await checkHolds(line, args.from === undefined ? systemClock.now() : instantOf('from', args.from, timezone))
    const given = { from: args.from, dryRun: args['dry-run'] === true, json: args.json === true }
    return enter({ line, terms: { kind: 'withdrawn' }, ...given })
  },
})

async function checkHolds(line: OverrideLine, at: number): Promise<void> {
  const all = await withLedger(readConfiguration(), listOverrides)
  const last = all.findLast((entry) => lineKey(entry.line) === lineKey(line) && entry.effectiveFrom <= at)
  if (last && last.terms.kind !== 'withdrawn') return
  throw new CommandFailure(exits.notFound, 'no price of your own holds there then', {
    why: 'for whom, provider and model have to be as they were set',
    fix: 'tollgate prices overrides shows them',
  })
}
