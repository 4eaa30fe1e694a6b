import type { Day } from '../../domain/day.ts'
import type { Reader } from '../reading.ts'

/**
 * Since when every row is there, at this moment. Retention says so before it takes a day away: whoever looks at rows
 * first and asks this afterwards knows which days were whole while they looked.
 */
export async function keptSince(sql: Reader): Promise<Day> {
  const [kept] = await sql<{ since: Day | null }[]>`
    SELECT greatest(
      to_char((SELECT rows_since FROM tollgate.retention), 'YYYY-MM-DD'),
      (SELECT min(day) FROM (${attachedDays(sql)}) AS attached)
    ) AS since`
  return kept?.since ?? '0001-01-01'
}

/** Whether all rows of a day are there: by a lock of who says otherwise, they stay until the transaction ends. */
export async function isDayKept(sql: Reader, day: Day): Promise<boolean> {
  const [kept] = await sql<{ day: Day }[]>`
    SELECT day FROM (${attachedDays(sql)}) AS attached
    WHERE day = ${day}::text AND day >= (SELECT to_char(rows_since, 'YYYY-MM-DD') FROM tollgate.retention)`
  return kept !== undefined
}

/** The days that have a partition which nobody is about to take away. */
export function attachedDays(sql: Reader) {
  return sql`
    SELECT to_char(to_date(substring(relname FROM 'usage_(\\d{8})$'), 'YYYYMMDD'), 'YYYY-MM-DD') AS day
    FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = 'tollgate.usage'::regclass AND NOT inhdetachpending AND relname ~ '^usage_\\d{8}$'`
}
