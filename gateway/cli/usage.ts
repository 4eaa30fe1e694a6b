import { setTimeout as sleep } from 'node:timers/promises'
import { defineCommand } from 'citty'
import type { Configuration } from '../config.ts'
import type { RowStatus } from '../domain/usage-row.ts'
import { findKey } from '../ledger/configured/keys.ts'
import type { Database } from '../ledger/database.ts'
import { type Cursor, tail as readTail } from '../ledger/requests.ts'
import type { UsageFilter } from '../ledger/usage-filter.ts'
import { CommandFailure, exits, note, readerGone } from './output.ts'
import { readConfiguration } from './read-configuration.ts'
import { findGateway } from './running-gateway.ts'
import { rowPrinter } from './usage/rows.ts'
import { withLedger } from './visit.ts'

const everyMs = 1_000
const rowsMax = 10_000
const statuses = [
  'complete',
  'client_closed',
  'truncated',
  'cut',
  'failed',
  'orphan',
  'refused',
] as const satisfies readonly RowStatus[]

const tail = defineCommand({
  meta: {
    description: 'Shows the last rows of usage, and those that follow as they arrive, until Ctrl-C',
    examples: ['tollgate usage tail --status error', 'tollgate usage tail --once -n 100 --jsonl > usage.jsonl'],
  },
  args: {
    key: { type: 'string', valueHint: 'id', description: 'Only calls of this key' },
    status: {
      type: 'enum',
      options: ['error', ...statuses],
      valueHint: 'status',
      description: `Only rows that are ${statuses.join(', ')}; or error: all that did not succeed`,
    },
    last: {
      type: 'string',
      alias: 'n',
      valueHint: 'count',
      default: '10',
      description: 'How many rows to begin with, 10 unless said otherwise',
    },
    once: { type: 'boolean', description: 'Stop after those' },
    jsonl: { type: 'boolean', description: 'One JSON document a line' },
  },
  run: async ({ args }) => {
    const last = wholeNumber(args.last)
    const filter = filterFrom(args)
    const configuration = readConfiguration()
    await withLedger(configuration, async (database, interrupted) => {
      const show = rowPrinter(args.jsonl === true, configuration.timezone)
      const begun = await readTail(database, { filter, limit: last })
      if (begun.rows.length === 0) await checkKey(args.key, configuration, database)
      show(begun.rows)
      if (args.once || !(await canFollow(configuration))) return
      await following(database, filter, begun.cursor, show, AbortSignal.any([interrupted, readerGone]))
    })
  },
})

/** `tollgate usage …` */
export const usage = defineCommand({
  meta: {
    description:
      'What calls used and cost: looks at it, adds it up, brings it in, prices it again, deletes and forgets it',
    examples: ['tollgate usage summary', 'tollgate usage cleanup --days 90 --dry-run'],
  },
  subCommands: {
    tail,
    query: () => import('./usage/query.ts').then(({ queryUsage }) => queryUsage),
    summary: () => import('./usage/summary.ts').then(({ summariseUsage }) => summariseUsage),
    cleanup: () => import('./usage/cleanup.ts').then(({ cleanupUsage }) => cleanupUsage),
    purge: () => import('./usage/purge.ts').then(({ purgeUsage }) => purgeUsage),
    quarantine: () => import('./usage/quarantine.ts').then(({ quarantineOfUsage }) => quarantineOfUsage),
    import: () => import('./usage/import.ts').then(({ importUsage }) => importUsage),
    recalculate: () => import('./usage/recalculate.ts').then(({ recalculateUsage }) => recalculateUsage),
  },
})

function wholeNumber(text: string): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= rowsMax) return number
  throw new CommandFailure(
    exits.wrongUse,
    `--last wants a whole number, 1 to ${rowsMax}, and got ${JSON.stringify(text)}`,
  )
}

function filterFrom({
  key,
  status,
}: {
  readonly key?: string | undefined
  readonly status?: string | undefined
}): UsageFilter {
  const known = statuses.find((each) => each === status)
  return {
    ...(key !== undefined && { key }),
    ...(known !== undefined && { status: known }),
    ...(status === 'error' && { success: false }),
  }
}

/** Without a gateway the embedded database is ours alone: nothing would arrive, and no gateway could start meanwhile. */
async function canFollow(configuration: Configuration): Promise<boolean> {
  if (configuration.databaseUrl !== undefined || (await findGateway(configuration))) return true
  note('No gateway runs here, so these are the last rows and none will follow.')
  return false
}

async function checkKey(key: string | undefined, { declared }: Configuration, database: Database): Promise<void> {
  if (key === undefined || declared.keys.some(({ id }) => id === key) || (await findKey(database, key))) return
  throw new CommandFailure(exits.notFound, `there is no key ${JSON.stringify(key)}, and no row of one`, {
    fix: 'tollgate keys list shows them',
  })
}

/** Before every row there is, for a ledger that had none to begin after. */
const beginning: Cursor = { insertedAt: '-infinity', id: '00000000-0000-0000-0000-000000000000' }

async function following(
  database: Database,
  filter: UsageFilter,
  from: Cursor | undefined,
  show: ReturnType<typeof rowPrinter>,
  signal: AbortSignal,
): Promise<void> {
  let cursor = from ?? beginning
  while (!signal.aborted) {
    await sleep(everyMs, undefined, { signal }).catch(() => {})
    const next = await readTail(database, { after: cursor, filter })
    cursor = next.cursor ?? cursor
    show(next.rows)
  }
}
