import { dayMs } from '../domain/day.ts'
import { timeOf, type Uuid } from '../domain/id.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { Database } from './database.ts'
import { reading } from './reading.ts'
import { everyOrg } from './roles.ts'
import { asWritten, type Stored } from './stored-row.ts'
import { type UsageFilter, where } from './usage-filter.ts'

const minuteMs = 60_000
/** A key, and whose it is. */
export interface KeyName {
  readonly id: string
  readonly org: string
}

/** All attempts of one call of that key, oldest first; none where the call is another key's, or not delivered yet. */
export async function requestOf(
  database: Database,
  { id: keyId, org }: KeyName,
  callId: Uuid,
): Promise<readonly UsageRow[]> {
  const at = timeOf(callId)
  return reading(database, { org }, async (sql) => {
    // Bounded in time, so that one or two partitions are looked at: an attempt begins after its call, and no call that
    // is answered as it waits lasts a day.
    const rows = await sql<Stored<UsageRow>[]>`
      SELECT to_jsonb(usage) - 'started_at' - 'inserted_at' AS row FROM tollgate.usage
      WHERE key_id = ${keyId} AND call_id = ${callId}
        AND started_at >= ${new Date(at - minuteMs)} AND started_at < ${new Date(at + dayMs)}
      ORDER BY started_at, id
    `
    return rows.map(asWritten)
  })
}

/** A page of a key's calls. */
export interface CallsRequest {
  readonly limit: number
  /** The row that the page before this one ended with. */
  readonly before?: Uuid | undefined
}

/** A key's calls, newest first, each with its rows: of a call that is still being delivered, those there are. */
export async function requestsOf(
  database: Database,
  { id: keyId, org }: KeyName,
  { limit, before }: CallsRequest,
): Promise<readonly (readonly UsageRow[])[]> {
  return reading(database, { org }, async (sql) => {
    const beyond = before ? sql`AND (started_at, id) < (${new Date(timeOf(before))}, ${before}::uuid)` : sql``
    // A call has one first attempt or one refusal: by that it has its place.
    const calls = await sql<{ call: Uuid; at: Date }[]>`
      SELECT call_id AS call, started_at AS at FROM tollgate.usage
      WHERE key_id = ${keyId} AND attempt <= 1 ${beyond}
      ORDER BY started_at DESC, id DESC
      LIMIT ${limit}
    `
    const [newest] = calls
    const oldest = calls.at(-1)
    if (!newest || !oldest) return []
    const rows = await sql<Stored<UsageRow>[]>`
      SELECT to_jsonb(usage) - 'started_at' - 'inserted_at' AS row FROM tollgate.usage
      WHERE key_id = ${keyId} AND call_id IN ${sql(calls.map(({ call }) => call))}
        AND started_at >= ${oldest.at} AND started_at < ${new Date(newest.at.getTime() + dayMs)}
      ORDER BY attempt
    `
    const byCall = Map.groupBy(rows.map(asWritten), ({ call_id }) => call_id)
    return calls.map(({ call }) => byCall.get(call) ?? [])
  })
}

/** Where a follower of new rows stands. */
export interface Cursor {
  /** With PostgreSQL's microseconds: a `Date` would lose them, and show rows twice. */
  readonly insertedAt: string
  readonly id: Uuid
}

export interface Tail {
  /** In the order of their arrival. */
  readonly rows: readonly UsageRow[]
  /** From where to go on; `undefined` while the ledger is empty. */
  readonly cursor: Cursor | undefined
}

export interface TailRequest {
  /** Without it, the last rows there are. */
  readonly after?: Cursor | undefined
  readonly filter?: UsageFilter
  readonly limit?: number
}

/**
 * Rows as they arrive, for following along. By arrival and not by start, since a long answer's row comes after those of
 * many calls that began later. The newest second is left for next time: its writers may not all have committed.
 */
export async function tail(database: Database, { after, filter = {}, limit = 100 }: TailRequest): Promise<Tail> {
  return reading(database, everyOrg, async (sql) => {
    const beyond = after
      ? sql`AND (inserted_at, id) > (${after.insertedAt}::text::timestamptz, ${after.id}::uuid)`
      : sql``
    // Two days bound the partitions that are looked at; what arrives later than that is history, not news.
    const found = await sql<(Stored<UsageRow> & { insertedAt: string })[]>`
      SELECT to_jsonb(usage) - 'started_at' - 'inserted_at' AS row, inserted_at::text AS "insertedAt" FROM tollgate.usage
      WHERE started_at > now() - interval '2 days' AND inserted_at < now() - interval '1 second'
        ${beyond} ${where(sql, filter)}
      ORDER BY inserted_at ${after ? sql`ASC` : sql`DESC`}, id ${after ? sql`ASC` : sql`DESC`}
      LIMIT ${limit}
    `
    const arrived = after ? [...found] : [...found].reverse()
    const last = arrived.at(-1)
    const cursor = last ? { insertedAt: last.insertedAt, id: last.row.id } : after
    return { rows: arrived.map(asWritten), cursor }
  })
}
