import { createHash } from 'node:crypto'
import type { Clock } from '../domain/clock.ts'
import type { Uuid } from '../domain/id.ts'
import type { RowText, UsageRow } from '../domain/usage-row.ts'
import { writeAudit } from './audit.ts'
import type { Database, Sql } from './database.ts'
import { reading } from './reading.ts'
import { become, everyOrg } from './roles.ts'
import { isUuidV7 } from './storable.ts'

/** A row that PostgreSQL will never take as it is, and why. */
export interface Rejected {
  readonly row: RowText
  readonly reason: string
}

/** A row in quarantine. */
export interface SetAside {
  readonly id: Uuid
  readonly at: Date
  readonly reason: string
  /** As it came: JSON, unless that is what is wrong with it. */
  readonly row: string
}

const patience = { statement_timeout: '10s', idle_in_transaction_session_timeout: '10s' }

/** Puts rows into quarantine. One that comes again replaces itself, unless more was known of it before. */
export async function putAside(sql: Sql, clock: Clock, rejected: readonly Rejected[]): Promise<void> {
  const at = new Date(clock.now())
  await sql.begin(async (tx) => {
    await become(tx, 'tollgate_ingest', patience)
    for (const { row, reason } of [...rejected].sort((a, b) => (a.row.id < b.row.id ? -1 : 1))) {
      const id = idOf(row)
      const [before] = await tx<{ row: string }[]>`SELECT row FROM tollgate.quarantine WHERE id = ${id} FOR UPDATE`
      if (before && row.revision < revisionOf(before.row)) continue
      await tx`
        INSERT INTO tollgate.quarantine (id, quarantined_at, reason, row)
        VALUES (${id}, ${at}, ${reason}, ${row.json})
        ON CONFLICT (id) DO UPDATE SET quarantined_at = excluded.quarantined_at, reason = excluded.reason, row = excluded.row`
    }
  })
}

/** How much is known in a row that was put aside; -1 where it is no row. */
export function revisionOf(text: string): number {
  try {
    const { revision }: Partial<UsageRow> = JSON.parse(text)
    return typeof revision === 'number' ? revision : -1
  } catch {
    return -1
  }
}

/** The row's own id where it has one, else one that the same text always gets. */
function idOf({ id, json }: RowText): Uuid {
  if (isUuidV7(id)) return id
  const hex = createHash('sha256').update(json).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** The oldest of them, and how many there are. */
export async function quarantine(
  database: Database,
  limit: number,
): Promise<{ readonly total: number; readonly rows: readonly SetAside[] }> {
  return reading(database, everyOrg, async (tx) => {
    const [all] = await tx<{ rows: bigint }[]>`SELECT count(*) AS rows FROM tollgate.quarantine`
    const rows = await tx<SetAside[]>`
      SELECT id, quarantined_at AS at, reason, row FROM tollgate.quarantine ORDER BY quarantined_at, id LIMIT ${limit}`
    return { total: Number(all?.rows ?? 0), rows }
  })
}

export async function findQuarantined(database: Database, id: Uuid): Promise<SetAside | undefined> {
  const [found] = await reading(
    database,
    everyOrg,
    (tx) => tx<SetAside[]>`SELECT id, quarantined_at AS at, reason, row FROM tollgate.quarantine WHERE id = ${id}`,
  )
  return found
}

/** Throws a row away for good; `false` where there is none. */
export async function dropQuarantined(database: Database, clock: Clock, id: Uuid, actor: string): Promise<boolean> {
  return database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_ingest', patience)
    const [gone] = await tx<{ reason: string }[]>`DELETE FROM tollgate.quarantine WHERE id = ${id} RETURNING reason`
    if (gone)
      await writeAudit(tx, clock, { actor, action: 'quarantine.dropped', target: id, detail: { reason: gone.reason } })
    return gone !== undefined
  })
}

/** Writes rows, and returns those that will never go in; `UsageLedger.store` is one. */
export type Store = (rows: readonly RowText[]) => Promise<readonly Rejected[]>

export interface Replayed {
  readonly stored: number
  readonly left: number
}

const pageRows = 500

/**
 * Tries all of the quarantine again. What went in leaves it, what did not stays with the reason of now. Broken off, it
 * is begun again: a row that is in both places goes in once.
 */
export async function replayQuarantine(
  database: Database,
  clock: Clock,
  { store, actor, signal }: { readonly store: Store; readonly actor: string; readonly signal: AbortSignal },
): Promise<Replayed> {
  let stored = 0
  let left = 0
  let after: Uuid = '00000000-0000-0000-0000-000000000000'
  while (!signal.aborted) {
    const page = await pageAfter(database, after)
    const last = page.at(-1)
    if (!last) break
    after = last.id
    const tried = page.map((aside) => ({ aside, row: rowOf(aside) }))
    const rejected = await store(tried.flatMap(({ row }) => row ?? []))
    const reasons = new Map(rejected.map(({ row, reason }) => [row.json, reason]))
    const done = tried.filter(({ row }) => row && !reasons.has(row.json))
    if (rejected.length > 0) await putAside(database.sql, clock, rejected)
    if (done.length > 0)
      await settle(
        database,
        clock,
        done.map(({ aside }) => aside.id),
        actor,
      )
    stored += done.length
    left += page.length - done.length
  }
  return { stored, left }
}

async function pageAfter(database: Database, id: Uuid): Promise<readonly SetAside[]> {
  return reading(
    database,
    everyOrg,
    (tx) => tx<SetAside[]>`
      SELECT id, quarantined_at AS at, reason, row FROM tollgate.quarantine WHERE id > ${id} ORDER BY id LIMIT ${pageRows}`,
  )
}

async function settle(database: Database, clock: Clock, ids: readonly Uuid[], actor: string): Promise<void> {
  await database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_ingest', patience)
    await tx`DELETE FROM tollgate.quarantine WHERE id = ANY(${`{${ids.join(',')}}`}::text::uuid[])`
    await writeAudit(tx, clock, { actor, action: 'quarantine.replayed', target: 'usage', detail: { rows: ids.length } })
  })
}

/** `undefined` where the text is no row at all. */
function rowOf({ row }: SetAside): RowText | undefined {
  try {
    const { id, revision }: Partial<UsageRow> = JSON.parse(row)
    return typeof id === 'string' && revision !== undefined ? { id, revision, json: row } : undefined
  } catch {
    return undefined
  }
}
