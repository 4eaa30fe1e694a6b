import type { Day } from '../../domain/day.ts'
import { dayMs } from '../../domain/day.ts'
import type { Reader } from '../reading.ts'
import { type Difference, toldMax } from './verify-difference.ts'

interface Stretch {
  readonly from: Date
  readonly to: Date
}

/** Everybody who has rows has been seen, at the times that the rows say; the last time may be five minutes behind. */
export async function userDifferences(sql: Reader, { from, to }: Stretch): Promise<readonly Difference[]> {
  const found = await sql<
    { org: string; user: string; first: Date; last: Date; firstSeen: Date | null; lastSeen: Date | null }[]
  >`
    SELECT used.*, seen.first_seen_at AS "firstSeen", seen.last_seen_at AS "lastSeen"
    FROM (
      SELECT org_id AS org, user_id AS "user", min(started_at) AS first, max(started_at) AS last
      FROM tollgate.usage
      WHERE started_at >= ${from} AND started_at < ${to} AND user_id IS NOT NULL
      GROUP BY 1, 2
    ) AS used
    LEFT JOIN tollgate.users_seen AS seen ON seen.org_id = used.org AND seen.user_id = used.user
    WHERE seen.user_id IS NULL OR seen.first_seen_at > used.first
      OR seen.last_seen_at < used.last - interval '5 minutes'
    ORDER BY 1, 2 LIMIT ${toldMax}`
  return found.map(({ org, user, first, last, firstSeen, lastSeen }) => {
    const late = firstSeen === null || firstSeen > first
    const [rows, says] = late ? [first, firstSeen] : [last, lastSeen]
    const measure = late ? 'first_seen_at' : 'last_seen_at'
    return {
      book: 'users_seen',
      place: { org_id: org, user_id: user },
      measure,
      rows: rows.toISOString(),
      book_says: says?.toISOString() ?? null,
    }
  })
}

/** A call without an end is still going on, or its gateway died and has not started again; after an hour it is neither. */
const goingOnMs = 3_600_000

/** A call ends once: of its attempts one is the last, and counts it. */
export async function callDifferences(sql: Reader, { from, to }: Stretch, now: number): Promise<readonly Difference[]> {
  const found = await sql<{ call: string; ends: string }[]>`
    SELECT call.call_id AS call, whole.ends
    FROM (
      SELECT call_id FROM tollgate.usage
      WHERE started_at >= ${from} AND started_at < ${to}
      GROUP BY call_id
      HAVING count(*) FILTER (WHERE calls > 0) <> 1 OR max(attempt) > 1
    ) AS call
    CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE calls > 0)::text AS ends, max(started_at) AS last
      FROM tollgate.usage
      -- Some of its attempts may be of the day before or after.
      WHERE usage.call_id = call.call_id
        AND started_at >= ${from}::timestamptz - interval '1 day' AND started_at < ${to}::timestamptz + interval '1 day'
    ) AS whole
    WHERE whole.ends <> '1' AND (whole.ends <> '0' OR whole.last < ${new Date(now - goingOnMs)})
    ORDER BY 1 LIMIT ${toldMax}`
  return found.map(({ call, ends }) => ({
    book: 'call',
    place: { call_id: call },
    measure: 'last attempts',
    rows: ends,
    book_says: '1',
  }))
}

/** What budgets have spent, and what their rows say of it: of every window where the two are not the same. */
export async function budgetDifferences(sql: Reader): Promise<readonly Difference[]> {
  const found = await sql<
    { budget: string; subject: string; window: string; rows: string | null; spent: string | null }[]
  >`
    WITH counted AS (
      SELECT share.budget, share.subject, share."window", sum(usage.charge_nano_usd) AS spent
      FROM tollgate.usage
      CROSS JOIN LATERAL jsonb_to_recordset(usage.budgets) AS share (budget text, subject text, "window" text)
      WHERE usage.budgets IS NOT NULL AND usage.charge_nano_usd IS NOT NULL
      GROUP BY 1, 2, 3
    )
    SELECT budget, subject, "window", counted.spent::text AS rows, booked.settled_nano_usd::text AS spent
    FROM counted FULL JOIN tollgate.budget_spend AS booked USING (budget, subject, "window")
    WHERE coalesce(counted.spent, 0) <> coalesce(booked.settled_nano_usd, 0)
    ORDER BY 1, 2, 3`
  return found.map(({ budget, subject, window, rows, spent }) => ({
    book: 'budget_spend',
    place: { budget, subject, window },
    measure: 'settled_nano_usd',
    rows,
    book_says: spent,
  }))
}

/** A window that began before the oldest kept row may have spent what no row says any more; less it cannot have spent. */
export function ofKeptRows(differences: readonly Difference[], oldest: Day): readonly Difference[] {
  return differences
    .filter(({ place, rows, book_says: spent }) => {
      return isWhole(place['window'] ?? '', oldest) || BigInt(rows ?? 0) > BigInt(spent ?? 0)
    })
    .slice(0, toldMax)
}

/** Whether all of a window's rows are there. */
export function isWhole(window: string, oldest: Day): boolean {
  const span = spanOf(window)
  return span !== undefined && span.from.slice(0, 10) >= oldest
}

/**
 * Where a window's rows are, at the most. By its name it is known where that is a month, or the first day of a week, or a
 * day; a zone's midnight is at most a day from that of UTC.
 */
export function spanOf(window: string): { readonly from: string; readonly to: string } | undefined {
  const [, year, month, day] = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/.exec(window) ?? []
  if (year === undefined || month === undefined) return undefined
  const first = Date.UTC(Number(year), Number(month) - 1, Number(day ?? 1))
  const next = day === undefined ? Date.UTC(Number(year), Number(month), 1) : first + 7 * dayMs
  return { from: new Date(first - dayMs).toISOString(), to: new Date(next + dayMs).toISOString() }
}
