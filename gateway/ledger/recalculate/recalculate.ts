import type { Clock } from '../../domain/clock.ts'
import type { Uuid } from '../../domain/id.ts'
import type { PricedRow } from '../../domain/priced-row.ts'
import { writeAudit } from '../audit.ts'
import type { Database } from '../database.ts'
import { become, type Transaction } from '../roles.ts'
import { type Money, type PricedAgain, pricedAgain, type Recalculation, tally } from './recalculation.ts'
import { lockRows, type RowsToPrice, readRows, writeRows } from './rows-to-price.ts'

export interface RecalculationRequest {
  readonly rows: RowsToPrice
  /** The row at the prices of now. Pure. */
  readonly reprice: (row: PricedRow) => PricedRow
  /** Only looks. */
  readonly dryRun: boolean
  readonly actor: string
  /** Ends it after the batch under way. */
  readonly signal: AbortSignal
  /** Told after each batch. */
  readonly progressed?: (soFar: Recalculation) => void
  readonly batchRows?: number
}

const batchRowsMax = 1_000
const patience = { statement_timeout: '30s', idle_in_transaction_session_timeout: '30s' }

/**
 * Prices rows again, oldest first, a batch a transaction. The database moves its sums and what budgets have spent by
 * exactly the difference, in the same transaction. Only rows that differ are written, so a second run finds nothing to
 * do, and one that was broken off is taken up by running it again. Rows are locked as writers lock them, by their ids:
 * neither waits for the other in a circle, and a late revision of a row is either what is priced here, or replaces it
 * whole.
 */
export async function recalculate(
  database: Pick<Database, 'sql'>,
  clock: Clock,
  request: RecalculationRequest,
): Promise<Recalculation> {
  const { rows, dryRun, signal, batchRows = batchRowsMax } = request
  const { moved, total } = tally()
  let after: Uuid | undefined
  let ended = false
  while (!ended && !signal.aborted) {
    const batch = await database.sql.begin(async (tx) => {
      await become(tx, 'tollgate_ingest', patience)
      const found = await readRows(tx, rows, { after, batchRows })
      const priced = found.map((row) => pricedAgain(row, request.reprice(row)))
      if (dryRun) return { found, priced }
      const corrected = await correct(tx, priced, request)
      // The first change brings its reason with it; what became of all stands in a second entry.
      if (corrected.some(({ differs }) => differs) && total(false).changed === 0)
        await audit(tx, clock, request, 'usage.recalculation_started')
      return { found, priced: corrected }
    })
    for (const each of batch.priced) moved(each)
    after = batch.found.at(-1)?.id
    ended = batch.found.length < batchRows
    request.progressed?.(total(false))
  }
  const result = total(!ended)
  if (!dryRun && result.changed > 0) {
    await database.sql.begin(async (tx) => {
      await become(tx, 'tollgate_ingest', patience)
      await audit(tx, clock, request, 'usage.recalculation_ended', result)
    })
  }
  return result
}

/** Locks and writes those that differ, and them alone: as they are by then, should a writer have been there meanwhile. */
async function correct(
  tx: Transaction,
  priced: readonly PricedAgain[],
  { reprice }: RecalculationRequest,
): Promise<readonly PricedAgain[]> {
  const differing = priced.filter(({ differs }) => differs)
  if (differing.length === 0) return priced
  const locked = await lockRows(
    tx,
    differing.map(({ before }) => before),
  )
  const again = locked.map((row) => pricedAgain(row, reprice(row)))
  const changed = again.filter(({ differs }) => differs)
  if (changed.length > 0)
    await writeRows(
      tx,
      changed.map(({ after }) => after),
    )
  return [...priced.filter(({ differs }) => !differs), ...again]
}

async function audit(
  tx: Transaction,
  clock: Clock,
  { rows: { filter, from, to, unpriced }, actor }: RecalculationRequest,
  action: string,
  result?: Recalculation,
): Promise<void> {
  const asked = { ...filter, from: new Date(from).toISOString(), to: new Date(to).toISOString(), unpriced }
  await writeAudit(tx, clock, {
    actor,
    action,
    target: 'usage',
    org: filter.org,
    detail: { filter: asked, ...(result && sumsIn(result)) },
  })
}

function sumsIn({ rows, changed, interrupted, before, after }: Recalculation) {
  return { rows, changed, interrupted, before: inText(before), after: inText(after) }
}

function inText({ cost, charge, unpriced }: Money) {
  return { cost_nano_usd: String(cost), charge_nano_usd: String(charge), unpriced }
}
