import { defineCommand } from 'citty'
import { migrationsFolder } from '../assemble-ledger.ts'
import { migrate as applyAll, pendingMigrations } from '../ledger/migrations.ts'
import { counted } from './format.ts'
import { jsonOption } from './options.ts'
import { note, print, printJson } from './output.ts'
import { readConfiguration } from './read-configuration.ts'
import { withAnyLedger } from './visit.ts'

/** `tollgate migrate` */
export const migrate = defineCommand({
  meta: {
    description: "Brings the database's schema up to date; of several processes one does it",
    examples: ['tollgate migrate --plan', 'DATABASE_URL=postgres://… tollgate migrate'],
  },
  args: {
    plan: { type: 'boolean', alias: 'status', description: 'Only list what would be applied' },
    json: jsonOption,
  },
  run: async ({ args }) => {
    const configuration = readConfiguration()
    await withAnyLedger(configuration, async (database) => {
      const pending = await pendingMigrations(database, migrationsFolder)
      if (args.plan) return say({ applied: [], pending }, args.json)
      if (pending.length > 0) note(`Applying ${counted(pending.length, 'migration')}…`)
      say({ applied: await applyAll(database, migrationsFolder), pending: [] }, args.json)
    })
  },
})

interface Outcome {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
}

function say({ applied, pending }: Outcome, asJson: boolean | undefined): void {
  if (asJson) {
    printJson({ applied, pending })
    return
  }
  for (const name of applied) print(`applied  ${name}`)
  for (const name of pending) print(`pending  ${name}`)
  if (pending.length === 0) note('The schema is up to date.')
}
