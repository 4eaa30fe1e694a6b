import { defineCommand } from 'citty'
import { migrationsFolder } from '../assemble-ledger.ts'
import { type Lock, type MigrationPlan, plansOf, type TouchedTable } from '../ledger/migrations/migration-plan.ts'
import {
  migrate as applyAll,
  type MigrationWatch,
  type SchemaStanding,
  schemaStanding,
} from '../ledger/migrations/migrations.ts'
import { counted, duration, fewOf } from './format.ts'
import { jsonOption } from './options.ts'
import { CommandFailure, exits, note, paint, print, printJson } from './output.ts'
import { readConfiguration } from './read-configuration.ts'
import { table } from './table.ts'
import { withAnyLedger } from './visit.ts'

/** `tollgate migrate` */
export const migrate = defineCommand({
  meta: {
    description: "Brings the database's schema up to date; of several processes one does it",
    examples: ['tollgate migrate --plan', 'DATABASE_URL=postgres://… tollgate migrate'],
  },
  args: {
    plan: { type: 'boolean', description: 'Only say what would be applied, and who would wait for it' },
    status: { type: 'boolean', description: 'Only list what was applied, and what was not' },
    json: jsonOption,
  },
  run: async ({ args }) => {
    if (args.plan && args.status) throw new CommandFailure(exits.wrongUse, '--plan and --status are two questions')
    await withAnyLedger(readConfiguration(), async (database) => {
      const standing = await schemaStanding(database, migrationsFolder)
      if (args.plan) return showPlan(plansOf(standing.pending), args.json)
      if (args.status) return showStatus(standing, args.json)
      const applied = await applyAll(database, migrationsFolder, args.json ? {} : watch)
      if (args.json) return printJson({ applied, pending: [] })
      note('The schema is up to date.')
    })
  },
})

const watch: MigrationWatch = {
  applied: (name, ms) => print(`applied  ${name}  ${duration(ms)}`),
  waiting: (name, ms) => note(`${name} waits: somebody's statement holds a table. Trying again in ${duration(ms)}.`),
  newer: (count) => note(`${counted(count, 'migration')} of a newer release: the schema works with this one.`),
}

function showPlan(plans: readonly MigrationPlan[], asJson: boolean | undefined): void {
  if (asJson) {
    printJson({ pending: plans.map(({ name }) => name), plan: plans.map(documentOf) })
    return
  }
  for (const plan of plans) print(planText(plan))
  note(plans.length === 0 ? 'The schema is up to date.' : 'Nothing was changed. Each file is one transaction.')
}

function documentOf({ name, about, statements, makes, touches, blocks, destructive }: MigrationPlan) {
  const destroys = destructive.map(({ statement, reason = null }) => ({ statement, reason }))
  return { name, about, statements, makes, touches, blocks_of_code: blocks, destroys }
}

const waits: Readonly<Record<Lock, string>> = {
  everybody: 'nobody reads or writes it until the file is applied',
  writers: 'writers wait until the file is applied, readers do not',
  none: 'only whoever changes the same rows waits',
}

function planText({ name, about, statements, makes, touches, blocks, destructive }: MigrationPlan): string {
  const lines = [
    `${paint('bold', name)}  ${counted(statements, 'statement')}`,
    `  ${about}`,
    ...(makes.length > 0 ? [`  makes     ${makes.join(', ')}`] : []),
    ...locksIn(touches),
    ...(blocks > 0 ? [`  runs      ${counted(blocks, 'block')} of code, whose tables its comments name`] : []),
    ...destructive.map(({ statement, reason }) =>
      paint('red', `  DESTROYS  ${statement}${reason ? ` (${reason})` : ''}`),
    ),
  ]
  return `${lines.join('\n')}\n`
}

function locksIn(touches: readonly TouchedTable[]): readonly string[] {
  const byLock = Map.groupBy(touches, ({ lock }) => lock)
  return [...byLock].map(([lock, tables]) => {
    return `  changes   ${tables.map((each) => each.table).join(', ')}: ${waits[lock]}`
  })
}

function showStatus({ applied, pending, newer }: SchemaStanding, asJson: boolean | undefined): void {
  if (asJson) {
    const documents = applied.map(({ name, at, edited }) => ({ name, at: at?.toISOString() ?? null, edited }))
    printJson({ applied: documents, pending: pending.map(({ name }) => name), newer })
    return
  }
  const rows = [
    ...applied.map(({ name, at, edited }) => [
      name,
      at?.toISOString() ?? 'before 0.3',
      edited ? 'applied, but the file is another now' : 'applied',
    ]),
    ...pending.map(({ name }) => [name, '—', 'pending']),
  ]
  print(table(columns, rows))
  if (newer > 0) watch.newer?.(newer)
  if (pending.length > 0) note(`Not applied yet: ${fewOf(pending.map(({ name }) => name))}. Apply: tollgate migrate`)
}

const columns = ['MIGRATION', 'APPLIED AT', 'STATE'].map((head) => ({ head }))
