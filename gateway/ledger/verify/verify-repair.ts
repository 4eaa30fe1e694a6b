import type { Clock } from '../../domain/clock.ts'
import { type Day, dayMs, quarterMs } from '../../domain/day.ts'
import { writeAudit } from '../audit.ts'
import type { Database } from '../database.ts'
import { addingToSums, makingPartitions, repairing } from '../locks.ts'
import { histograms, measures } from '../measures.ts'
import { become, type Transaction } from '../roles.ts'
import { isDayKept, keptSince } from './kept.ts'
import { isWhole, spanOf } from './verify-books.ts'
import type { Difference } from './verify-difference.ts'

const patience = '10min'

/** Who repairs, and what was found to be wrong. */
export interface Repair {
  readonly actor: string
  readonly differences: readonly Difference[]
}

/** Sums of quarters are made of rows, longer ones of those of quarters: many times fewer. */
const longer = [
  { level: '6h', step: '6 hours', of: '15m' },
  { level: 'day', step: '1 day', of: '15m' },
  { level: 'user_day', step: '1 day', of: 'user_15m' },
] as const

type Slice = (tx: Transaction) => Promise<void>

/**
 * Makes the sums of a day anew from its rows, and sees its users: a quarter of an hour at a time, then longer sums, some
 * series at a time. Writers wait for one slice, as they wait for one another; since what they write moves all sums alike,
 * a slice that is right stays so. `false`: the day's rows are not all there any more, and what sums say of it is left.
 */
export async function repairDay(database: Database, clock: Clock, day: Day, repair: Repair): Promise<boolean> {
  let written = false
  for (const slice of await slicesOf(database, day)) {
    const kept = await database.sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
      await become(tx, 'tollgate_ingest', { statement_timeout: patience, enable_seqscan: 'off' })
      await holdBooks(tx)
      if (!(await isDayKept(tx, day))) return false
      await slice(tx)
      if (written) return true
      const { actor, differences } = repair
      await writeAudit(tx, clock, { actor, action: 'rollups.repaired', target: day, detail: { differences } })
      return true
    })
    if (!kept) return false
    written = true
  }
  return true
}

/** More sums of quarters than this are made into longer ones in sixteen slices. */
const sumsMax = 10_000

/** Quarters that have nothing now may get rows meanwhile, and right sums with them. */
async function slicesOf(database: Database, day: Day): Promise<readonly Slice[]> {
  const from = new Date(`${day}T00:00:00Z`)
  const to = new Date(from.getTime() + dayMs)
  const quarters = await database.sql.begin('READ ONLY', async (tx) => {
    await become(tx, 'tollgate_ingest', { statement_timeout: patience })
    return tx<{ at: Date; sums: number }[]>`
      SELECT at, sum(sums)::int AS sums FROM (
        SELECT at, count(*) AS sums FROM tollgate.rollups
        WHERE level IN ('15m', 'user_15m') AND at >= ${from} AND at < ${to} GROUP BY 1
        UNION ALL
        SELECT date_bin('15 minutes', started_at, 'epoch'), count(*) FROM tollgate.usage
        WHERE started_at >= ${from} AND started_at < ${to} GROUP BY 1
      ) AS found GROUP BY 1 ORDER BY 1`
  })
  const many = quarters.reduce((all, { sums }) => all + sums, 0) > sumsMax
  const prefixes = many ? [...'0123456789abcdef'] : ['']
  return [
    ...quarters.map(
      ({ at }): Slice =>
        (tx) =>
          remakeQuarter(tx, at),
    ),
    ...longer.flatMap((sums) =>
      prefixes.map(
        (prefix): Slice =>
          (tx) =>
            remakeLonger(tx, sums, { from, to, prefix }),
      ),
    ),
  ]
}

/** Nobody adds to sums, and nobody takes days away. Always in this order. */
async function holdBooks(tx: Transaction): Promise<void> {
  await tx`SELECT pg_advisory_xact_lock(${makingPartitions})`
  await tx`SELECT pg_advisory_xact_lock(${addingToSums})`
}

async function remakeQuarter(tx: Transaction, from: Date): Promise<void> {
  const to = new Date(from.getTime() + quarterMs)
  await tx`DELETE FROM tollgate.rollups WHERE level IN ('15m', 'user_15m') AND at = ${from}`
  const rows = `SELECT 1 AS sign, * FROM tollgate.usage WHERE started_at >= '${from.toISOString()}' AND started_at < '${to.toISOString()}'`
  const [statement] = await tx<{ text: string }[]>`SELECT tollgate.rollup_statement(${rows}) AS text`
  await tx.unsafe(ofQuarters(statement?.text ?? ''))
  await tx`
    INSERT INTO tollgate.users_seen AS seen (org_id, user_id, first_seen_at, last_seen_at)
    SELECT org_id, user_id, min(started_at), max(started_at) FROM tollgate.usage
    WHERE started_at >= ${from} AND started_at < ${to} AND user_id IS NOT NULL
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (org_id, user_id) DO UPDATE SET
      first_seen_at = least(seen.first_seen_at, excluded.first_seen_at),
      last_seen_at = greatest(seen.last_seen_at, excluded.last_seen_at)`
}

/** The writers' own statement, which adds to every level, for quarters alone. */
function ofQuarters(statement: string): string {
  const all = 'SELECT * FROM summed ORDER BY'
  if (!statement.includes(all)) throw new Error('tollgate.rollup_statement is not as this release knows it')
  return statement.replace(all, `SELECT * FROM summed WHERE level IN ('15m', 'user_15m') ORDER BY`)
}

interface Part {
  readonly from: Date
  readonly to: Date
  /** What the ids of its series begin with. */
  readonly prefix: string
}

async function remakeLonger(tx: Transaction, sums: (typeof longer)[number], { from, to, prefix }: Part): Promise<void> {
  const { level, step, of } = sums
  const names = Object.keys(measures)
  const merged = Object.values(histograms).map(({ column }) => column)
  const within = tx`at >= ${from} AND at < ${to}
    AND series_id BETWEEN ${prefix.padEnd(32, '0')}::text::uuid AND ${prefix.padEnd(32, 'f')}::text::uuid`
  await tx`DELETE FROM tollgate.rollups WHERE level = ${level} AND ${within}`
  await tx`
    INSERT INTO tollgate.rollups (level, at, series_id, org_id, first_at, last_at, ${tx.unsafe([...merged, ...names].join(', '))})
    SELECT ${level}, date_bin(${step}::text::interval, at, 'epoch') AS start, series_id, org_id, min(first_at), max(last_at),
      ${tx.unsafe(
        [
          ...merged.map((name) => `tollgate.histogram_sum(${name})`),
          ...names.map((name) => `tollgate.total(${name})`),
        ].join(', '),
      )}
    FROM tollgate.rollups WHERE level = ${of} AND rows <> 0 AND ${within}
    GROUP BY start, series_id, org_id`
}

/**
 * Sets what a budget has spent in a window to what its rows say; where some of them may be gone it only raises it, for a
 * budget that is spent must not be open again. `false`: nothing was wrong, or nothing could be said.
 */
export async function repairBudget(
  database: Database,
  clock: Clock,
  { place, ...found }: Difference,
  actor: string,
): Promise<boolean> {
  const { budget = null, subject = null } = place
  const window = place['window'] ?? ''
  const span = spanOf(window)
  return database.sql.begin('ISOLATION LEVEL READ COMMITTED', async (tx) => {
    await become(tx, 'tollgate_ingest', { statement_timeout: patience })
    // Of two at once both would add what lacks.
    await tx`SELECT pg_advisory_xact_lock(${repairing})`
    // One statement sees one moment, in which rows and what they have spent are of the same transactions. What comes
    // after it moves both, so what lacks stays the same: nobody has to wait while it is added up.
    const [sum] = await tx<{ org: string; lacks: string }[]>`
      SELECT coalesce(min(org_id), '') AS org, (coalesce(sum(charge_nano_usd), 0) - coalesce((
        SELECT settled_nano_usd FROM tollgate.budget_spend
        WHERE budget = ${budget} AND subject = ${subject} AND "window" = ${window}
      ), 0))::text AS lacks
      FROM tollgate.usage
      WHERE budgets @> ${JSON.stringify([{ budget, subject, window }])}::text::jsonb AND charge_nano_usd IS NOT NULL
        AND started_at >= ${span?.from ?? '-infinity'}::text::timestamptz AND started_at < ${span?.to ?? 'infinity'}::text::timestamptz`
    const { org = '', lacks = '0' } = sum ?? {}
    await holdBooks(tx)
    if (BigInt(lacks) === 0n || (BigInt(lacks) < 0n && !isWhole(window, await keptSince(tx)))) return false
    await tx`
      INSERT INTO tollgate.budget_spend AS spend (budget, subject, "window", org_id, settled_nano_usd)
      VALUES (${budget}, ${subject}, ${window}, ${org}, ${lacks}::text::bigint)
      ON CONFLICT (budget, subject, "window")
      DO UPDATE SET settled_nano_usd = spend.settled_nano_usd + excluded.settled_nano_usd`
    await writeAudit(tx, clock, {
      actor,
      action: 'budget_spend.repaired',
      target: `${budget}/${subject}/${window}`,
      detail: { ...found },
    })
    return true
  })
}
