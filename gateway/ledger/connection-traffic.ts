import { selfTestKeyId } from '../domain/key.ts'
import type { Database } from './database.ts'
import { type Fragment, type Reader, reading } from './reading.ts'
import { everyOrg } from './roles.ts'

/** Which stretch is looked at, in milliseconds since the epoch: from the first on, up to before the second. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** What the rows of a stretch say of one connection; tests are not counted. */
export interface ConnectionCounts {
  /** However they ended. */
  readonly attempts: number
  readonly succeeded: number
  /** By the connection's doing, as far as rows tell: not what was the caller's fault, nor a provider's limit. */
  readonly failed: number
  readonly lastErrorAt: Date | undefined
}

/** What happened last to one connection. */
export interface ConnectionNews {
  /** By traffic, not by tests. */
  readonly lastUsedAt: Date | undefined
  /** Failures of traffic since anything was answered. */
  readonly errorsInARow: number
  /** When the provider refused our credential, and nothing was answered since; tests count here. */
  readonly credentialRefusedAt: Date | undefined
  /** When a test failed, and nothing was answered since. */
  readonly testFailedAt: Date | undefined
}

interface CountsRow {
  readonly connection: string
  readonly attempts: bigint
  readonly succeeded: bigint
  readonly failed: bigint
  readonly lastErrorAt: Date | null
}

/**
 * By connection; one that had no traffic is missing. In one pass over the stretch: by the index, one connection after
 * the other, a million rows took 4.5 s instead of 1.2.
 */
export async function connectionCounts(
  database: Database,
  { from, to }: Stretch,
): Promise<ReadonlyMap<string, ConnectionCounts>> {
  return reading(database, everyOrg, async (sql) => {
    const rows = await sql<CountsRow[]>`
      SELECT connection_id AS connection, count(*) AS attempts, count(*) FILTER (WHERE success) AS succeeded,
        count(*) FILTER (WHERE ${isFailure(sql)}) AS failed,
        max(started_at) FILTER (WHERE ${isFailure(sql)}) AS "lastErrorAt"
      FROM tollgate.usage
      WHERE started_at >= ${new Date(from)} AND started_at < ${new Date(to)}
        AND connection_id IS NOT NULL AND key_id <> ${selfTestKeyId}
      GROUP BY connection_id
    `
    return new Map(
      rows.map(({ connection, attempts, succeeded, failed, lastErrorAt }) => [
        connection,
        {
          attempts: Number(attempts),
          succeeded: Number(succeeded),
          failed: Number(failed),
          lastErrorAt: lastErrorAt ?? undefined,
        },
      ]),
    )
  })
}

interface NewsRow {
  readonly connection: string
  readonly lastUsedAt: Date | null
  readonly errorsInARow: bigint
  readonly credentialRefusedAt: Date | null
  readonly testFailedAt: Date | null
}

/**
 * For each of these connections. What is asked for by a step down an index; rows behind the last success are few, for a
 * connection that fails rests and gets no traffic.
 */
export async function connectionNews(
  database: Database,
  connections: readonly string[],
): Promise<ReadonlyMap<string, ConnectionNews>> {
  return reading(database, everyOrg, async (sql) => {
    const rows = await sql<NewsRow[]>`
      SELECT asked.connection, used.at AS "lastUsedAt", since.*
      FROM jsonb_array_elements_text(${JSON.stringify(connections)}::text::jsonb) AS asked (connection)
      LEFT JOIN LATERAL (${last(sql, sql`key_id <> ${selfTestKeyId}`)}) used ON true
      LEFT JOIN LATERAL (${last(sql, sql`success`)}) answered ON true
      CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE ${isFailure(sql)} AND key_id <> ${selfTestKeyId}) AS "errorsInARow",
          max(started_at) FILTER (WHERE ${isCredential(sql)}) AS "credentialRefusedAt",
          max(started_at) FILTER (
            WHERE key_id = ${selfTestKeyId} AND NOT success AND status <> 'orphan') AS "testFailedAt"
        FROM tollgate.usage
        WHERE connection_id = asked.connection
          AND started_at > greatest(answered.at, now() - interval '90 days')
      ) since
    `
    return new Map(
      rows.map(({ connection, lastUsedAt, errorsInARow, credentialRefusedAt, testFailedAt }) => [
        connection,
        {
          lastUsedAt: lastUsedAt ?? undefined,
          errorsInARow: Number(errorsInARow),
          credentialRefusedAt: credentialRefusedAt ?? undefined,
          testFailedAt: testFailedAt ?? undefined,
        },
      ]),
    )
  })
}

/** The names that calls this connection answered lately had asked for, the last first. */
export async function modelsAnswered(database: Database, connection: string, most: number): Promise<readonly string[]> {
  return reading(database, everyOrg, async (sql) => {
    const rows = await sql<{ model: string }[]>`
      SELECT requested_model AS model FROM (
        SELECT requested_model, started_at FROM tollgate.usage
        WHERE connection_id = ${connection} AND success AND started_at > now() - interval '7 days'
        ORDER BY started_at DESC LIMIT 1000
      ) lately
      GROUP BY requested_model ORDER BY max(started_at) DESC LIMIT ${most}
    `
    return rows.map(({ model }) => model)
  })
}

/**
 * The last row of its kind, by the index over connection and time. Compared as pairs: of a plain equality PostgreSQL
 * takes the connection for given, orders by time alone, and seeks one that was never used through everybody's rows.
 */
function last(sql: Reader, kind: Fragment): Fragment {
  return sql`
    SELECT started_at AS at FROM tollgate.usage
    WHERE (connection_id, started_at) > (asked.connection, now() - interval '90 days')
      AND (connection_id, started_at) < (asked.connection, 'infinity'::timestamptz) AND ${kind}
    ORDER BY connection_id DESC, started_at DESC LIMIT 1`
}

// What the provider's adapter said of a failure is not in the row; the status is, and says nearly as much.
function isFailure(sql: Reader): Fragment {
  return sql`(status IN ('failed', 'truncated') AND (
    http_status IS NULL OR http_status NOT BETWEEN 400 AND 499 OR http_status = 408 OR ${isCredential(sql)}))`
}

function isCredential(sql: Reader): Fragment {
  return sql`(NOT success AND coalesce(http_status IN (401, 402, 403) OR error_code = 'insufficient_quota', false)
    AND coalesce(error_code NOT IN ('model_not_found', 'model_not_allowed', 'content_policy_violation'), true))`
}
