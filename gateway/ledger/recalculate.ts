import type { Clock } from '../domain/clock.ts'
import { timeOf, type Uuid } from '../domain/id.ts'
import { type PricedRow, pricedColumns } from '../domain/priced-row.ts'
import { writeAudit } from './audit.ts'
import type { Database } from './database.ts'
import { type Money, pricedAgain, type Recalculation, tally } from './recalculation.ts'
import { become, type Transaction } from './roles.ts'

const filterColumns = {
  model: 'model',
  provider: 'provider',
  connection: 'connection_id',
  org: 'org_id',
  key: 'key_id',
} as const

/** Rows that match every member. */
export type RowsFilter = { readonly [member in keyof typeof filterColumns]?: string | undefined }

/** Which rows are priced again. What used nothing that could be priced never is. */
export interface RowsToPrice {
  readonly filter: RowsFilter
  /** Milliseconds since the epoch; from the first on, up to before the second. */
  readonly from: number
  readonly to: number
  /** Only those without a price of their own: at the default price, or at none. */
  readonly unpriced: boolean
}

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
      const found = await read(tx, rows, { after, batchRows, lock: !dryRun })
      const priced = found.map((row) => pricedAgain(row, request.reprice(row)))
      const changed = priced.filter(({ differs }) => differs).map((each) => each.after)
      if (changed.length > 0 && !dryRun) {
        await write(tx, changed)
        // The first change brings its reason with it; what became of all stands in a second entry.
        if (total(false).changed === 0) await audit(tx, clock, request, 'usage.recalculation_started')
      }
      return priced
    })
    for (const each of batch) moved(each)
    after = batch.at(-1)?.before.id
    ended = batch.length < batchRows
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

interface Page {
  readonly after: Uuid | undefined
  readonly batchRows: number
  readonly lock: boolean
}

async function read(
  tx: Transaction,
  { filter, from, to, unpriced }: RowsToPrice,
  { after, batchRows, lock }: Page,
): Promise<readonly PricedRow[]> {
  const first = after === undefined ? from : timeOf(after)
  const found = await tx<{ row: PricedRow }[]>`
    SELECT to_jsonb(found) AS row FROM (
      SELECT ${tx([...pricedColumns])} FROM tollgate.usage
      WHERE started_at >= ${new Date(first)} AND started_at < ${new Date(to)}
        ${after === undefined ? tx`` : tx`AND (started_at, id) > (${new Date(first)}, ${after}::uuid)`}
        AND parts IS NOT NULL AND provider IS NOT NULL AND model IS NOT NULL
        ${unpriced ? tx`AND price_status IN ('missing', 'default')` : tx``} ${matching(tx, filter)}
      ORDER BY started_at, id LIMIT ${batchRows} ${lock ? tx`FOR UPDATE` : tx``}
    ) AS found
  `
  // As it was written: what is NULL was absent.
  return found.map(
    ({ row }) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as PricedRow,
  )
}

function matching(tx: Transaction, filter: RowsFilter) {
  let conditions = tx``
  for (const [member, column] of Object.entries(filterColumns)) {
    const value = filter[member as keyof RowsFilter]
    if (value !== undefined) conditions = tx`${conditions} AND ${tx(column)} = ${value}`
  }
  return conditions
}

async function write(tx: Transaction, rows: readonly PricedRow[]): Promise<void> {
  const times = rows.map(({ id }) => timeOf(id))
  const given = rows.map((row, i) => ({ ...row, flags: row.flags ?? [], started_at: new Date(times[i] ?? 0) }))
  // The times bound the partitions that are planned for; a join alone would not.
  await tx`
    UPDATE tollgate.usage AS usage SET
      parts = given.parts, cost_nano_usd = given.cost_nano_usd, charge_nano_usd = given.charge_nano_usd,
      price_status = given.price_status, price_version_id = given.price_version_id, rates = given.rates, flags = given.flags
    FROM json_to_recordset(${JSON.stringify(given)}::text::json) AS given (
      id uuid, started_at timestamptz, parts jsonb, cost_nano_usd bigint, charge_nano_usd bigint, price_status text,
      price_version_id text, rates jsonb, flags text[]
    )
    WHERE usage.started_at = given.started_at AND usage.id = given.id
      AND usage.started_at BETWEEN ${new Date(times[0] ?? 0)} AND ${new Date(times.at(-1) ?? 0)}
  `
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
