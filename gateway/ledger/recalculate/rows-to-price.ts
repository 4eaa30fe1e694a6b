import { timeOf, type Uuid } from '../../domain/id.ts'
import { type PricedRow, pricedColumns } from '../../domain/priced-row.ts'
import type { Transaction } from '../roles.ts'
import { asWritten, type Stored } from '../stored-row.ts'
import { type UsageFilter, where } from '../usage-filter.ts'

/** Rows that match every member. */
export type RowsFilter = Pick<UsageFilter, 'model' | 'provider' | 'connection' | 'org' | 'key'>

/** Which rows are priced again. What used nothing that could be priced never is. */
export interface RowsToPrice {
  readonly filter: RowsFilter
  /** Milliseconds since the epoch; from the first on, up to before the second. */
  readonly from: number
  readonly to: number
  /** Only those without a price of their own: at the default price, or at none. */
  readonly unpriced: boolean
}

/** So many rows, behind that one. */
interface Page {
  readonly after: Uuid | undefined
  readonly batchRows: number
}

/** Rows that used something that could be priced, in the order of their ids. */
export async function readRows(
  tx: Transaction,
  { filter, from, to, unpriced }: RowsToPrice,
  { after, batchRows }: Page,
): Promise<readonly PricedRow[]> {
  const first = after === undefined ? from : timeOf(after)
  const found = await tx<Stored<PricedRow>[]>`
    SELECT to_jsonb(found) AS row FROM (
      SELECT ${tx([...pricedColumns])} FROM tollgate.usage
      WHERE started_at >= ${new Date(first)} AND started_at < ${new Date(to)}
        ${after === undefined ? tx`` : tx`AND (started_at, id) > (${new Date(first)}, ${after}::uuid)`}
        AND parts IS NOT NULL AND provider IS NOT NULL AND model IS NOT NULL
        ${unpriced ? tx`AND price_status IN ('missing', 'default')` : tx``} ${where(tx, filter)}
      ORDER BY started_at, id LIMIT ${batchRows}
    ) AS found
  `
  return found.map(asWritten)
}

/** The same rows as they are now, for this transaction alone to change. */
export async function lockRows(tx: Transaction, rows: readonly PricedRow[]): Promise<readonly PricedRow[]> {
  const given = rows.map(({ id }) => ({ id, started_at: new Date(timeOf(id)) }))
  const found = await tx<Stored<PricedRow>[]>`
    SELECT to_jsonb(found) AS row FROM (
      SELECT ${tx(pricedColumns.map((column) => `usage.${column}`))} FROM tollgate.usage
      JOIN json_to_recordset(${JSON.stringify(given)}::text::json) AS given (id uuid, started_at timestamptz)
        ON usage.started_at = given.started_at AND usage.id = given.id
      WHERE ${between(tx, rows)} ORDER BY usage.started_at, usage.id FOR UPDATE OF usage
    ) AS found
  `
  return found.map(asWritten)
}

/** Bounds the partitions that are planned for; a join alone would not. */
function between(tx: Transaction, rows: readonly PricedRow[]) {
  const [first, last] = [rows[0], rows.at(-1)].map((row) => new Date(row ? timeOf(row.id) : 0))
  return tx`usage.started_at BETWEEN ${first ?? 0} AND ${last ?? 0}`
}

/** Writes what their price made of them. */
export async function writeRows(tx: Transaction, rows: readonly PricedRow[]): Promise<void> {
  const given = rows.map((row) => ({ ...row, flags: row.flags ?? [], started_at: new Date(timeOf(row.id)) }))
  await tx`
    UPDATE tollgate.usage AS usage SET
      parts = given.parts, cost_nano_usd = given.cost_nano_usd, charge_nano_usd = given.charge_nano_usd,
      price_status = given.price_status, price_version_id = given.price_version_id, rates = given.rates, flags = given.flags
    FROM json_to_recordset(${JSON.stringify(given)}::text::json) AS given (
      id uuid, started_at timestamptz, parts jsonb, cost_nano_usd bigint, charge_nano_usd bigint, price_status text,
      price_version_id text, rates jsonb, flags text[]
    )
    WHERE usage.started_at = given.started_at AND usage.id = given.id AND ${between(tx, rows)}
  `
}
