import type { Clock } from '../domain/clock.ts'
import { type Day, dayMs, dayOf } from '../domain/day.ts'
import type { Database, Sql } from './database.ts'
import { become } from './roles.ts'

/**
 * The partitions that are known to be there, a day each. What is missing is made before rows are written, in a
 * transaction of its own: writers must not hold a lock on the table while one of them waits to change it.
 */
export class UsageDays {
  readonly #known = new Set<Day>()
  /** The first day whose rows are kept, as last heard. */
  since: Day = '0001-01-01'

  async ensure(sql: Sql, days: Iterable<Day>): Promise<void> {
    const missing = [...new Set(days)].filter((day) => !this.#known.has(day)).sort()
    if (missing.length === 0) return
    this.since = await makePartitions(sql, missing)
    for (const day of missing) if (day >= this.since) this.#known.add(day)
  }

  /** Someone took a partition away. */
  forget(): void {
    this.#known.clear()
  }
}

/** Makes today's partition and those of the days to come, so that midnight finds its own ready. */
export async function makeDaysAhead({ sql }: Pick<Database, 'sql'>, clock: Clock, ahead = 2): Promise<void> {
  const days = Array.from({ length: ahead + 1 }, (_, i) => dayOf(clock.now() + i * dayMs))
  // Asked first: to make them takes a lock, and every replica comes by each hour.
  const there = await sql.begin('READ ONLY', async (tx) => {
    await become(tx, 'tollgate_owner')
    const [found] = await tx<{ there: boolean }[]>`
      SELECT bool_and(to_regclass('tollgate.usage_' || translate(day, '-', '')) IS NOT NULL) AS there
      FROM unnest(${`{${days.join(',')}}`}::text::text[]) AS day`
    return found?.there ?? false
  })
  if (!there) await makePartitions(sql, days)
}

/** Returns the first day whose rows are kept: there is nothing for those before. */
async function makePartitions(sql: Sql, days: readonly Day[]): Promise<Day> {
  return sql.begin(async (tx) => {
    await become(tx, 'tollgate_owner', { lock_timeout: '5s' })
    const [kept] = await tx<{ since: Day }[]>`
      SELECT tollgate.make_partitions(${`{${days.join(',')}}`}::text::date[])::text AS since`
    return kept?.since ?? ''
  })
}
