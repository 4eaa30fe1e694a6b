import type { Clock } from '../domain/clock.ts'
import type { Database, Sql } from './database.ts'
import { become } from './roles.ts'

/** A day in UTC, as `2026-11-22`. `tollgate.usage` has a partition for each that has rows. */
export type Day = string

const dayMs = 86_400_000

export function dayOf(at: number): Day {
  return new Date(at).toISOString().slice(0, 10)
}

/**
 * The partitions that are known to be there. What is missing is made before rows are written, in a transaction of its
 * own: writers must not hold a lock on the table while one of them waits to change it.
 */
export class UsageDays {
  readonly #known = new Set<Day>()

  async ensure(sql: Sql, days: Iterable<Day>): Promise<void> {
    const missing = [...new Set(days)].filter((day) => !this.#known.has(day)).sort()
    if (missing.length === 0) return
    await makePartitions(sql, missing)
    for (const day of missing) this.#known.add(day)
  }

  /** Someone took a partition away. */
  forget(): void {
    this.#known.clear()
  }
}

/** Makes today's partition and those of the days to come, so that midnight finds its own ready. */
export async function makeDaysAhead(database: Database, clock: Clock, ahead = 2): Promise<void> {
  await makePartitions(
    database.sql,
    Array.from({ length: ahead + 1 }, (_, i) => dayOf(clock.now() + i * dayMs)),
  )
}

async function makePartitions(sql: Sql, days: readonly Day[]): Promise<void> {
  await sql.begin(async (tx) => {
    await become(tx, 'tollgate_owner', { lock_timeout: '5s' })
    await tx`SELECT tollgate.make_partitions(${`{${days.join(',')}}`}::text::date[])`
  })
}
