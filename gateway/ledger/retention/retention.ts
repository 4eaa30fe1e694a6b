import { type Day, dayMs, dayOf } from '../../domain/day.ts'
import type { Database, Sql } from '../database.ts'
import { failureOf } from '../failure.ts'
import { become } from '../roles.ts'
import { removeUnusedSeries } from './retention-series.ts'

/** The first day of which rows, and of which sums, are kept. What is `undefined` is left as it is. */
export interface Horizon {
  readonly rows?: Day
  readonly rollups?: Day
}

/** A partition that is too old as a whole. */
export interface Expired {
  readonly name: string
  readonly parent: string
  readonly bytes: number
  /** `pending`: a run that died had begun to detach it. */
  readonly state: 'attached' | 'pending' | 'detached'
}

export interface RetentionOptions {
  /** Ends it after the partition under way. */
  readonly signal?: AbortSignal
  /** Told before each partition goes, and at the end. */
  readonly progressed?: (done: number, all: number) => void
  /** How long one partition waits for those who still read it. */
  readonly waitMs?: number
}

/** `busy`: another process is at it. */
export type Retained = { readonly busy: true } | { readonly busy: false; readonly dropped: readonly Expired[] }

const turn = 7_461_004
const canceled = '57014'

/** The first day that is kept where so many are, today among them. */
export function firstDayOf(days: number, now: number): Day {
  return dayOf(now - (days - 1) * dayMs)
}

/**
 * Drops partitions that are older than the horizon, one after the other, oldest first: whole days of rows, whole months
 * of sums. Readers and writers are not held up: a partition is detached CONCURRENTLY, which waits for whoever reads it
 * and lets everybody else pass. What a run that died left half done is finished by the next.
 *
 * First of all it is written down since when rows are kept, so that a row that was dropped is not taken in again.
 */
export async function retain(database: Database, horizon: Horizon, options: RetentionOptions = {}): Promise<Retained> {
  const { signal, progressed = () => {}, waitMs = 10_000 } = options
  const sessions = database.client(2)
  try {
    // A transaction holds the turn: a pooler keeps no session's locks.
    return await sessions.begin(async (held) => {
      // By the simple protocol, whose answer is done with: what is open in this transaction keeps a snapshot, and for
      // those older than theirs the others here would wait.
      const [got] = await held.unsafe<{ mine: boolean }[]>(`SELECT pg_try_advisory_xact_lock(${turn}) AS mine`)
      if (!got?.mine) return { busy: true }
      await adoptPartitions(sessions)
      const rows = horizon.rows === undefined ? undefined : await keepSince(sessions, horizon.rows)
      const expired = await expiredPartitions(sessions, { ...horizon, ...(rows !== undefined && { rows }) })
      const dropped: Expired[] = []
      for (const partition of expired) {
        if (signal?.aborted) break
        progressed(dropped.length, expired.length)
        await remove(sessions, partition, waitMs)
        dropped.push(partition)
      }
      progressed(dropped.length, expired.length)
      if (dropped.some(({ name }) => name.startsWith('rollups_'))) await removeUnusedSeries(sessions, signal)
      return { busy: false, dropped }
    })
  } finally {
    await sessions.end({ timeout: 1 })
  }
}

/** Partitions that the horizon leaves behind, oldest first; with those whose end a run that died had begun. */
export async function expiredPartitions(sql: Sql, { rows, rollups }: Horizon): Promise<readonly Expired[]> {
  return sql<Expired[]>`
    SELECT name, parent, pg_total_relation_size(oid)::float8 AS bytes, state FROM (
      SELECT child.oid, child.relname AS name, substring(child.relname FROM '^(.*)_') AS parent,
        to_date(substring(child.relname FROM '\\d+$'), CASE WHEN child.relname LIKE 'usage%' THEN 'YYYYMMDD' ELSE 'YYYYMM' END) AS first,
        CASE WHEN inhrelid IS NULL THEN 'detached' WHEN inhdetachpending THEN 'pending' ELSE 'attached' END AS state
      FROM pg_class AS child LEFT JOIN pg_inherits ON inhrelid = child.oid
      WHERE child.relnamespace = 'tollgate'::regnamespace AND child.relkind = 'r'
        AND child.relname ~ '^(usage_\\d{8}|rollups_(user_)?(15m|day)_\\d{6})$'
    ) AS partition
    -- What is about to be detached is out of everybody's sight already, and in the way of the next.
    WHERE state = 'pending' OR CASE WHEN parent = 'usage' THEN first + 1 <= ${rows ?? '-infinity'}::text::date
      ELSE first + interval '1 month' <= ${rollups ?? '-infinity'}::text::date END
    ORDER BY state <> 'pending', first, name`
}

/** A replica of the previous release makes partitions in the name of its login. */
async function adoptPartitions(sql: Sql): Promise<void> {
  const strangers = await sql<{ name: string }[]>`
    SELECT child.relname AS name
    FROM pg_class AS child JOIN pg_inherits ON inhrelid = child.oid
    WHERE child.relnamespace = 'tollgate'::regnamespace AND child.relkind = 'r'
      AND child.relowner <> 'tollgate_owner'::regrole AND pg_has_role(child.relowner, 'USAGE')`
  for (const { name } of strangers) {
    await sql.begin(async (tx) => {
      await tx`SET LOCAL lock_timeout = '2s'`
      await tx`ALTER TABLE ${tx(`tollgate.${name}`)} OWNER TO tollgate_owner`
      await tx`ALTER TABLE ${tx(`tollgate.${name}`)} ENABLE ROW LEVEL SECURITY`
      await tx`ALTER TABLE ${tx(`tollgate.${name}`)} FORCE ROW LEVEL SECURITY`
    })
  }
}

/** Never earlier than it was: what is gone is gone. Under the lock of tollgate.make_partitions, which goes by it. */
async function keepSince(sql: Sql, day: Day): Promise<Day> {
  return sql.begin(async (tx) => {
    await become(tx, 'tollgate_owner', { lock_timeout: '5s' })
    await tx`SELECT pg_advisory_xact_lock(7461002)`
    const [kept] = await tx<{ since: Day }[]>`
      UPDATE tollgate.retention SET rows_since = greatest(rows_since, ${day}::text::date) RETURNING rows_since::text AS since`
    return kept?.since ?? day
  })
}

async function remove(sql: Sql, { name, parent, state }: Expired, waitMs: number): Promise<void> {
  const [table, whole] = [`tollgate.${name}`, `tollgate.${parent}`]
  const own = { lock_timeout: '2s', statement_timeout: `${waitMs}ms` }
  if (state === 'attached') await detach(sql, table, whole, waitMs)
  await sql.begin(async (tx) => {
    await become(tx, 'tollgate_owner', own)
    if (state === 'pending') await tx`ALTER TABLE ${tx(whole)} DETACH PARTITION ${tx(table)} FINALIZE`
    await tx`DROP TABLE ${tx(table)}`
  })
}

/**
 * Outside of a transaction, as PostgreSQL wants it, and so in the name of our login, who inherits from the owner. Where
 * somebody reads for longer than we wait it is cancelled, and the next run finishes it.
 */
async function detach(sql: Sql, table: string, whole: string, waitMs: number): Promise<void> {
  const query = sql`ALTER TABLE ${sql(whole)} DETACH PARTITION ${sql(table)} CONCURRENTLY`
  const patience = setTimeout(() => query.cancel(), waitMs)
  try {
    await query
  } catch (error) {
    if (failureOf(error).code !== canceled) throw error
    throw new Error(`${whole} is being read for longer than ${waitMs} ms; what is left goes with the next run`, {
      cause: error,
    })
  } finally {
    clearTimeout(patience)
  }
}
