import { defineCommand } from 'citty'
import { listOverrides } from '../../ledger/configured/price-overrides.ts'
import { jsonOption } from '../options.ts'
import { note, print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { withLedger } from '../visit.ts'
import { entryDocument, entryTable } from './entries.ts'

/** `tollgate prices overrides` */
export const overrides = defineCommand({
  meta: {
    description: 'Lists every price of your own that was ever set or withdrawn, in the order of their effect',
    examples: ['tollgate prices overrides', 'tollgate prices overrides --json'],
  },
  args: { json: jsonOption },
  run: async ({ args }) => {
    const entries = await withLedger(readConfiguration(), listOverrides)
    if (args.json) return printJson({ overrides: entries.map(entryDocument) })
    if (entries.length > 0) print(entryTable(entries))
    else note('The price list alone holds. A price of your own: tollgate prices set --help')
  },
})
