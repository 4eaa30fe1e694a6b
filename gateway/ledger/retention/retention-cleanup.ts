import type { Clock } from '../../domain/clock.ts'
import type { Day } from '../../domain/day.ts'
import type { UsageRow } from '../../domain/usage-row.ts'
import { type AuditEntry, writeAudit } from '../audit.ts'
import type { Database } from '../database.ts'
import { type Reader, reading } from '../reading.ts'
import { become, everyOrg } from '../roles.ts'
import { sameTime } from './database-time.ts'
import { dropExpired, expiredPartitions } from './retention.ts'

/** The rows of whole days before one. */
export interface OldUsage {
  readonly before: Day
  readonly rows: number
  /** The first and the last of them; `undefined` where there are none. */
  readonly from: Date | undefined
  readonly to: Date | undefined
  /** What their partitions take on the disk, indexes and all. */
  readonly bytes: number
  readonly partitions: readonly OldDay[]
  /** The oldest. */
  readonly sample: readonly Partial<UsageRow>[]
}

interface OldDay {
  readonly name: string
  readonly rows: number
  readonly bytes: number
}

/** Counts, and changes nothing. */
export async function oldUsage(database: Database, before: Day, sampleRows = 10): Promise<OldUsage> {
  const expired = await expiredPartitions(database, { rows: before })
  const look = async (tx: Reader): Promise<OldUsage> => {
    const days = await tx<{ name: string; rows: bigint; first: Date; last: Date }[]>`
      SELECT 'usage_' || to_char(started_at AT TIME ZONE 'UTC', 'YYYYMMDD') AS name, count(*) AS rows,
        min(started_at) AS first, max(started_at) AS last
      FROM tollgate.usage WHERE started_at < (${before} || ' 00:00:00+00')::timestamptz GROUP BY 1 ORDER BY 1`
    const rows = new Map(days.map((day) => [day.name, Number(day.rows)]))
    const sample = await tx<{ row: Partial<UsageRow> }[]>`
      SELECT jsonb_strip_nulls(to_jsonb(found)) AS row FROM (
        SELECT * FROM tollgate.usage WHERE started_at < (${before} || ' 00:00:00+00')::timestamptz
        ORDER BY started_at, id LIMIT ${sampleRows}
      ) AS found`
    const partitions = expired.map(({ name, bytes }) => ({ name, bytes, rows: rows.get(name) ?? 0 }))
    return {
      before,
      rows: sum(days.map((day) => Number(day.rows))),
      from: days[0]?.first,
      to: days.at(-1)?.last,
      bytes: sum(partitions.map(({ bytes }) => bytes)),
      partitions,
      sample: sample.map(({ row }) => row),
    }
  }
  return reading(database, everyOrg, look, '10min')
}

export interface CleanupRequest {
  readonly old: OldUsage
  readonly actor: string
  readonly signal: AbortSignal
  readonly progressed?: (rows: number) => void
}

/** `busy`: another process drops old usage at this moment. */
export type Cleanup =
  | { readonly busy: true }
  | { readonly busy: false; readonly rows: number; readonly bytes: number; readonly interrupted: boolean }

/** Drops what was counted. Sums stay. */
export async function cleanUp(database: Database, clock: Clock, request: CleanupRequest): Promise<Cleanup> {
  const { old, actor, signal, progressed = () => {} } = request
  await sameTime(database, clock)
  const entry = { actor, target: 'usage', detail: { before: old.before, rows: old.rows } }
  await audit(database, clock, { ...entry, action: 'usage.cleanup_started' })
  const goneWith = (partitions: number) => old.partitions.slice(0, partitions)
  const result = await dropExpired(
    database,
    { rows: old.before },
    // Patient: somebody waits for it, and nobody else does.
    {
      signal,
      actor,
      clock,
      waitMs: 60_000,
      progressed: (done) => progressed(sum(goneWith(done).map(({ rows }) => rows))),
    },
  )
  if (result.busy) return result
  const names = new Set(result.dropped.map(({ name }) => name))
  const gone = old.partitions.filter(({ name }) => names.has(name))
  const told = { rows: sum(gone.map(({ rows }) => rows)), bytes: sum(gone.map(({ bytes }) => bytes)) }
  await audit(database, clock, { ...entry, action: 'usage.cleanup_ended', detail: { ...entry.detail, ...told } })
  return { busy: false, ...told, interrupted: gone.length < old.partitions.length }
}

async function audit(database: Database, clock: Clock, entry: AuditEntry): Promise<void> {
  await database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_ingest')
    await writeAudit(tx, clock, entry)
  })
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}
