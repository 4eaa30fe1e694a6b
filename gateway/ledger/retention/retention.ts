import { type Clock, systemClock } from '../../domain/clock.ts'
import { type Day, dayMs, dayOf } from '../../domain/day.ts'
import { writeAudit } from '../audit.ts'
import type { Database, Sql } from '../database.ts'
import { droppingOld, makingPartitions } from '../locks.ts'
import { reading } from '../reading.ts'
import { become, everyOrg, type Transaction } from '../roles.ts'
import { type Expired, remove } from './retention-drop.ts'
import { removeUnusedSeries } from './retention-series.ts'

/** The first day of which rows, and of which sums, are kept. What is `undefined` is left as it is. */
export interface Horizon {
  readonly rows?: Day
  readonly rollups?: Day
}

export interface RetentionOptions {
  /** Ends it after the partition under way. */
  readonly signal?: AbortSignal
  /** Told before each partition goes, and at the end. */
  readonly progressed?: (done: number, all: number) => void
  /** How long one partition waits for those who still read it. */
  readonly waitMs?: number
  /** In whose name the audit log has it; unless said otherwise, retention's. */
  readonly actor?: string
  readonly clock?: Clock
}

/** `busy`: another process is at it. */
export type Dropping = { readonly busy: true } | { readonly busy: false; readonly dropped: readonly Expired[] }

/** The first day that is kept where so many are, today among them. */
export function firstDayOf(days: number, now: number): Day {
  return dayOf(now - (days - 1) * dayMs)
}

/**
 * Drops partitions that are older than the horizon, one after the other, oldest first: whole days of rows, whole months
 * of sums. What a run that died left half done is finished by the next, and no more than that: one that is broken off
 * does not go on by itself.
 *
 * Before each day goes it is written down since when rows are kept, so that a row that was dropped is not taken in again.
 */
export async function dropExpired(
  database: Database,
  horizon: Horizon,
  options: RetentionOptions = {},
): Promise<Dropping> {
  const { signal, progressed = () => {}, waitMs = 10_000, actor = 'system:retention', clock = systemClock } = options
  const sql = database.client(2)
  try {
    // A transaction holds the turn: a pooler keeps no session's locks.
    return await sql.begin(async (held) => {
      // By the simple protocol, whose answer is done with: what is open in this transaction keeps a snapshot, and for
      // those older than theirs the others here would wait.
      const [got] = await held.unsafe<{ mine: boolean }[]>(`SELECT pg_try_advisory_xact_lock(${droppingOld}) AS mine`)
      if (!got?.mine) return { busy: true }
      // It waits for long, and a server's own patience would give the turn to another meanwhile.
      await held.unsafe('SET LOCAL idle_in_transaction_session_timeout = 0')
      await adoptPartitions(sql)
      const expired = await expiredPartitions({ sql }, horizon)
      const dropped: Expired[] = []
      for (const partition of expired) {
        if (signal?.aborted) break
        progressed(dropped.length, expired.length)
        if (partition.parent === 'usage') await keepAfter(sql, partition)
        const written = (tx: Transaction) => writeDown(tx, clock, { actor, partition })
        await remove(sql, partition, { waitMs, written })
        dropped.push(partition)
      }
      progressed(dropped.length, expired.length)
      if (dropped.some(({ name }) => name.startsWith('rollups_'))) await removeUnusedSeries(sql, signal)
      return { busy: false, dropped }
    })
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/**
 * Partitions that the horizon leaves behind, oldest first; with those whose end a run that died had begun. A day that is
 * detached and not kept was on its way out; one that somebody put aside goes with its horizon.
 */
export function expiredPartitions(
  database: Pick<Database, 'sql'>,
  { rows, rollups }: Horizon,
): Promise<readonly Expired[]> {
  return reading(
    database,
    everyOrg,
    (sql) => sql<Expired[]>`
      SELECT name, parent, first::text AS first, pg_total_relation_size(oid)::float8 AS bytes, state FROM (
        SELECT child.oid, child.relname AS name, substring(child.relname FROM '^(.*)_') AS parent,
          to_date(substring(child.relname FROM '\\d+$'), CASE WHEN child.relname LIKE 'usage%' THEN 'YYYYMMDD' ELSE 'YYYYMM' END) AS first,
          CASE WHEN inhrelid IS NULL THEN 'detached' WHEN inhdetachpending THEN 'pending' ELSE 'attached' END AS state
        FROM pg_class AS child LEFT JOIN pg_inherits ON inhrelid = child.oid
        WHERE child.relnamespace = 'tollgate'::regnamespace AND child.relkind = 'r'
          AND child.relname ~ '^(usage_\\d{8}|rollups_(user_)?(15m|6h|day)_\\d{6})$'
      ) AS partition
      -- What is about to be detached is out of everybody's sight already, and in the way of the next.
      WHERE state = 'pending' OR CASE WHEN parent = 'usage' THEN first + 1 <= ${rows ?? '-infinity'}::text::date
          OR (state = 'detached' AND first < (SELECT rows_since FROM tollgate.retention))
        ELSE first + interval '1 month' <= ${rollups ?? '-infinity'}::text::date END
      ORDER BY state <> 'pending', first, name`,
  )
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
async function keepAfter(sql: Sql, { first }: Expired): Promise<void> {
  await sql.begin(async (tx) => {
    await become(tx, 'tollgate_owner', { lock_timeout: '5s' })
    await tx`SELECT pg_advisory_xact_lock(${makingPartitions})`
    await tx`UPDATE tollgate.retention SET rows_since = greatest(rows_since, ${first}::text::date + 1)`
  })
}

/** In the transaction that drops it. */
async function writeDown(tx: Transaction, clock: Clock, { actor, partition }: Drop): Promise<void> {
  const { name, parent, first, bytes } = partition
  await become(tx, 'tollgate_ingest')
  const action = parent === 'usage' ? 'usage.dropped' : 'rollups.dropped'
  await writeAudit(tx, clock, { actor, action, target: name, detail: { first, bytes } })
}

interface Drop {
  readonly actor: string
  readonly partition: Expired
}
