import { createHash } from 'node:crypto'
import type { Clock } from '../../domain/clock.ts'
import { timeOf, type Uuid } from '../../domain/id.ts'
import { personalColumns } from '../../domain/tracking.ts'
import { writeAudit } from '../audit.ts'
import type { Database } from '../database.ts'
import { type Reader, reading } from '../reading.ts'
import { become, everyOrg, type Transaction } from '../roles.ts'
import { namelessError, type RowError } from './purge-error.ts'
import { type Identity, identityColumns } from './purge-identity.ts'
import { foldSeries } from './purge-series.ts'

export interface Purged {
  readonly rows: number
  /** Series of sums over rows that are gone, which were added to those of nobody. */
  readonly series: number
  readonly quarantined: number
  readonly interrupted: boolean
}

export interface PurgeRequest {
  readonly identity: Identity
  readonly actor: string
  readonly signal: AbortSignal
  readonly progressed?: (rows: number) => void
}

const batchRows = 1_000
const earliest: Uuid = '00000000-0000-7000-8000-000000000000'
const names = personalColumns.join(', ')
const nobody = personalColumns.map((column) => `${column} = NULL`).join(', ')
const somebody = `num_nonnulls(${names}) > 0`
const patience = { statement_timeout: '60s', idle_in_transaction_session_timeout: '60s' }

/** How many rows a purge would change; it changes none. */
export async function countPurge(database: Database, identity: Identity): Promise<number> {
  const look = (tx: Reader) =>
    tx<{ rows: bigint }[]>`SELECT count(*) AS rows FROM tollgate.usage WHERE ${named(tx, identity)}`
  const [found] = await reading(database, everyOrg, look, '10min')
  return Number(found?.rows ?? 0)
}

/**
 * Makes rows as if tracking had been off when they were written, a batch a transaction; the database moves its sums in
 * the same. Then sums that outlived their rows are added to those that name nobody. Totals and budgets stay what they
 * are. Broken off, it is begun again: what is done is not found any more, and the audit log has its beginning.
 */
export async function purge(database: Database, clock: Clock, request: PurgeRequest): Promise<Purged> {
  const { identity, actor, signal, progressed = () => {} } = request
  const entry = { actor, target: hashed(identity), org: identity.org }
  const started = { ...entry, action: 'usage.purge_started', detail: { kind: identity.kind } }
  let rows = 0
  let after: Uuid | undefined = earliest
  while (after !== undefined && !signal.aborted) {
    const first = after === earliest
    const batch: readonly Uuid[] = await database.sql.begin(async (tx) => {
      await become(tx, 'tollgate_ingest', patience)
      // In the transaction that changes the first.
      if (first) await writeAudit(tx, clock, started)
      return forget(tx, identity, after ?? earliest)
    })
    rows += batch.length
    progressed(rows)
    after = batch.length < batchRows ? undefined : batch.at(-1)
  }
  const series = signal.aborted ? 0 : await foldSeries(database, identity, signal)
  const quarantined = signal.aborted ? 0 : await forgetQuarantined(database, identity, signal)
  const purged = { rows, series, quarantined, interrupted: signal.aborted }
  await database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_ingest', patience)
    // Whose rows are there still was seen, until another purge has ended.
    if (identity.kind === 'user' && !purged.interrupted) {
      await tx`DELETE FROM tollgate.users_seen WHERE user_id = ${identity.value} AND ${ofOrg(tx, identity)}`
    }
    await writeAudit(tx, clock, { ...entry, action: 'usage.purged', detail: { kind: identity.kind, ...purged } })
  })
  return purged
}

async function forget(tx: Transaction, identity: Identity, after: Uuid): Promise<readonly Uuid[]> {
  const page = await tx<(RowError & { id: Uuid; started_at: Date; names: readonly unknown[] | null })[]>`
    SELECT id, started_at, attempt, error_code, error_message,
      CASE WHEN num_nonnulls(error_code, error_message) > 0 THEN json_build_array(${tx.unsafe(names)}) END AS names
    FROM tollgate.usage
    WHERE ${named(tx, identity)} AND (started_at, id) > (${new Date(timeOf(after))}, ${after}::uuid)
    ORDER BY started_at, id LIMIT ${batchRows} FOR UPDATE`
  const ids = page.map(({ id }) => id)
  const [first, last] = [page[0], page.at(-1)]
  if (!first || !last) return []
  const said = page.map((row) => ({ id: row.id, at: row.started_at, ...namelessError(row, row.names ?? []) }))
  // The times bound the partitions that are looked into.
  await tx`
    UPDATE tollgate.usage SET tracked = false, ${tx.unsafe(nobody)},
      error_code = said.error_code, error_message = said.error_message
    FROM json_to_recordset(${JSON.stringify(said)}::text::json)
      AS said (id uuid, at timestamptz, error_code text, error_message text)
    WHERE usage.started_at = said.at AND usage.id = said.id
      AND usage.started_at BETWEEN ${first.started_at} AND ${last.started_at}`
  return ids
}

function named(tx: Transaction, identity: Identity) {
  return tx`${tx(identityColumns[identity.kind])} = ${identity.value} AND ${ofOrg(tx, identity)}
    AND (tracked OR ${tx.unsafe(somebody)})`
}

function ofOrg(tx: Transaction, { org }: Identity) {
  return org === undefined ? tx`true` : tx`org_id = ${org}`
}

/** Says which purge it was to who knows whom to look for, and names nobody. */
function hashed({ kind, org = '*', value }: Identity): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, org, value]))
    .digest('hex')
    .slice(0, 32)
}

const asideRows = 500

async function forgetQuarantined(database: Database, identity: Identity, signal: AbortSignal): Promise<number> {
  let forgotten = 0
  let after: Uuid | undefined = '00000000-0000-0000-0000-000000000000'
  while (after !== undefined && !signal.aborted) {
    const page = await asideAfter(database, identity, after)
    for (const { id, row } of page) {
      const anonymous = withoutName(row, identity)
      if (anonymous === undefined) continue
      forgotten++
      await database.sql.begin(async (tx) => {
        await become(tx, 'tollgate_ingest', patience)
        await tx`UPDATE tollgate.quarantine SET row = ${anonymous} WHERE id = ${id} AND row = ${row}`
      })
    }
    after = page.length < asideRows ? undefined : page.at(-1)?.id
  }
  return forgotten
}

function asideAfter(
  database: Database,
  { value }: Identity,
  after: Uuid,
): Promise<readonly { readonly id: Uuid; readonly row: string }[]> {
  return reading(
    database,
    everyOrg,
    (tx) => tx<{ id: Uuid; row: string }[]>`
      SELECT id, row FROM tollgate.quarantine
      WHERE id > ${after} AND strpos(row, ${JSON.stringify(value)}) > 0 ORDER BY id LIMIT ${asideRows}`,
  )
}

/** `undefined` where it is another's, or no row at all. */
function withoutName(text: string, { kind, value, org }: Identity): string | undefined {
  try {
    const row: Record<string, unknown> & RowError = JSON.parse(text)
    const theirs = row[identityColumns[kind]] === value && (org === undefined || row['org_id'] === org)
    if (!theirs || personalColumns.every((column) => row[column] === undefined)) return undefined
    const said = namelessError(
      row,
      personalColumns.map((column) => row[column]),
    )
    for (const column of personalColumns) delete row[column]
    return JSON.stringify({ ...row, ...said, tracked: false })
  } catch {
    return undefined
  }
}
