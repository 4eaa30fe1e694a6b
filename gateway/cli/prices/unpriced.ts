import type { LoadedConfiguration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { dayMs } from '../../domain/day.ts'
import { type Unpriced, unpricedSince } from '../../ledger/unpriced.ts'
import { ago, count, rowsInWords } from '../format.ts'
import { CommandFailure, exits, note, print, printJson } from '../output.ts'
import { table } from '../table.ts'
import { withLedger } from '../visit.ts'

const days = 30

interface Asked {
  readonly model?: string | undefined
  readonly connection?: string | undefined
  readonly at?: string | undefined
  readonly org?: string | undefined
  readonly provider?: string | undefined
  readonly json?: boolean | undefined
}

/** Which models were used without a price of their own, and how much. */
export async function showUnpriced(configuration: LoadedConfiguration, asked: Asked): Promise<void> {
  if ([asked.model, asked.at, asked.org, asked.provider].some((each) => each !== undefined)) {
    throw new CommandFailure(exits.wrongUse, '--unpriced takes --connection and --json, and nothing else')
  }
  const now = systemClock.now()
  const since = now - days * dayMs
  const found = await withLedger(configuration, (database) => unpricedSince(database, since, asked.connection))
  if (asked.json) return printJson({ days, unpriced: found.map(documentOf) })
  if (found.length === 0) return note(`Every row of the last ${days} days has a price of its own.`)
  print(
    table(
      columns,
      found.map((each) => cellsOf(each, now)),
    ),
  )
  const rows = found.reduce((sum, each) => sum + each.rows, 0)
  note(
    `${rowsInWords(rows)}. Set a price from the day it holds, then: tollgate usage recalculate --unpriced --from <date>`,
  )
}

const columns = [
  { head: 'MODEL' },
  { head: 'PROVIDER' },
  { head: 'CONNECTION' },
  { head: 'PRICE' },
  { head: 'ROWS', align: 'right' },
  { head: 'TOKENS', align: 'right' },
  { head: 'LAST' },
] as const

function cellsOf({ model, provider, connection, status, rows, tokens, lastAt }: Unpriced, now: number) {
  return [model, provider, connection, status, count(rows), count(tokens ?? undefined), ago(lastAt, now)]
}

function documentOf({ lastAt, ...rest }: Unpriced) {
  return { ...rest, last_at: lastAt.toISOString() }
}
