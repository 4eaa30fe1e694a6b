import { selfTestKeyId } from '../domain/key.ts'
import type { Database } from './database.ts'
import { type Fragment, type Reader, reading } from './reading.ts'

/** Which stretch is looked at, in milliseconds since the epoch: from the first on, up to before the second. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** What the rows of a stretch say of one connection; tests are in none of the counts. */
export interface ConnectionTraffic {
  readonly connection: string
  /** However they ended, and those that have not been told of yet. */
  readonly attempts: number
  readonly succeeded: number
  /** By the connection's doing, as far as rows tell: not what was the caller's fault, nor a provider's limit. */
  readonly failed: number
  /** Failures since the last success. */
  readonly errorsInARow: number
  /** Ever, by traffic. */
  readonly lastUsedAt: Date | undefined
  readonly lastErrorAt: Date | undefined
  /** When the provider refused our credential, and nothing was answered since; tests count here. */
  readonly credentialRefusedAt: Date | undefined
  /** When a test failed, and nothing was answered since. */
  readonly testFailedAt: Date | undefined
}

interface Found {
  readonly connection: string
  readonly attempts: bigint
  readonly succeeded: bigint
  readonly failed: bigint
  readonly errorsInARow: bigint
  readonly lastUsedAt: Date | null
  readonly lastErrorAt: Date | null
  readonly credentialRefusedAt: Date | null
  readonly testFailedAt: Date | null
}

/** One for each of these connections, in their order. */
export async function connectionTraffic(
  database: Database,
  connections: readonly string[],
  { from, to }: Stretch,
): Promise<readonly ConnectionTraffic[]> {
  if (connections.length === 0) return []
  return reading(database, async (sql) => {
    const rows = await sql<Found[]>`
      SELECT asked.connection, counts.*, used.at AS "lastUsedAt", since.*
      FROM jsonb_array_elements_text(${JSON.stringify(connections)}::text::jsonb) WITH ORDINALITY AS asked (connection, n)
      LEFT JOIN LATERAL (${last(sql, sql`key_id <> ${selfTestKeyId}`)}) used ON true
      LEFT JOIN LATERAL (${last(sql, sql`success`)}) answered ON true
      CROSS JOIN LATERAL (${countsOf(sql, { from, to })}) counts
      CROSS JOIN LATERAL (${sinceAnswer(sql)}) since
      ORDER BY asked.n
    `
    return rows.map(trafficOf)
  })
}

/** The names that calls this connection answered lately had asked for, the last first. */
export async function modelsAnswered(database: Database, connection: string, most: number): Promise<readonly string[]> {
  return reading(database, async (sql) => {
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

function countsOf(sql: Reader, { from, to }: Stretch): Fragment {
  return sql`
    SELECT count(*) AS attempts, count(*) FILTER (WHERE success) AS succeeded,
      count(*) FILTER (WHERE ${isFailure(sql)}) AS failed,
      count(*) FILTER (WHERE ${isFailure(sql)} AND ${isUnanswered(sql)}) AS "errorsInARow",
      max(started_at) FILTER (WHERE ${isFailure(sql)}) AS "lastErrorAt"
    FROM tollgate.usage
    WHERE connection_id = asked.connection AND key_id <> ${selfTestKeyId}
      AND started_at >= ${new Date(from)} AND started_at < ${new Date(to)}`
}

/** The last row of its kind: one step down an index, in each day that there is. */
function last(sql: Reader, kind: Fragment): Fragment {
  return sql`
    SELECT started_at AS at FROM tollgate.usage
    WHERE connection_id = asked.connection AND ${kind} AND started_at > now() - interval '90 days'
    ORDER BY started_at DESC LIMIT 1`
}

/** Rows behind the last success are few: a connection that fails rests, and gets no traffic. */
function sinceAnswer(sql: Reader): Fragment {
  return sql`
    SELECT max(started_at) FILTER (WHERE ${isCredential(sql)}) AS "credentialRefusedAt",
      max(started_at) FILTER (WHERE key_id = ${selfTestKeyId} AND NOT success AND status <> 'orphan') AS "testFailedAt"
    FROM tollgate.usage
    WHERE connection_id = asked.connection AND ${isUnanswered(sql)} AND started_at > now() - interval '90 days'`
}

function isUnanswered(sql: Reader): Fragment {
  return sql`started_at > coalesce(answered.at, '-infinity')`
}

// What the provider's adapter said of a failure is not in the row; the status is, and says nearly as much.
function isFailure(sql: Reader): Fragment {
  return sql`(status IN ('failed', 'truncated') AND (
    http_status IS NULL OR http_status NOT BETWEEN 400 AND 499 OR http_status = 408 OR ${isCredential(sql)}))`
}

function isCredential(sql: Reader): Fragment {
  return sql`(NOT success AND coalesce(http_status IN (401, 402, 403) OR error_code = 'insufficient_quota', false)
    AND error_code NOT IN ('model_not_found', 'model_not_allowed', 'content_policy_violation'))`
}

function trafficOf(found: Found): ConnectionTraffic {
  return {
    connection: found.connection,
    attempts: Number(found.attempts),
    succeeded: Number(found.succeeded),
    failed: Number(found.failed),
    errorsInARow: Number(found.errorsInARow),
    lastUsedAt: found.lastUsedAt ?? undefined,
    lastErrorAt: found.lastErrorAt ?? undefined,
    credentialRefusedAt: found.credentialRefusedAt ?? undefined,
    testFailedAt: found.testFailedAt ?? undefined,
  }
}
