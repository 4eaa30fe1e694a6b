import type { Clock } from '../../domain/clock.ts'
import type { Day } from '../../domain/day.ts'
import { dayMs } from '../../domain/day.ts'
import { writeAudit } from '../audit.ts'
import type { Database } from '../database.ts'
import { become } from '../roles.ts'
import type { Difference } from './verify-difference.ts'

const patience = '10min'

/** Who repairs, and what was found to be wrong. */
export interface Repair {
  readonly actor: string
  readonly differences: readonly Difference[]
}

/**
 * Makes the sums of a day anew from its rows, and sees its users. Writers wait meanwhile, as they wait for one another:
 * nothing comes between what is counted and what is written. Only for a day whose rows are all kept.
 */
export async function repairDay(database: Database, clock: Clock, day: Day, repair: Repair): Promise<void> {
  const from = new Date(`${day}T00:00:00Z`)
  const to = new Date(from.getTime() + dayMs)
  const rows = `SELECT 1 AS sign, * FROM tollgate.usage WHERE started_at >= '${from.toISOString()}' AND started_at < '${to.toISOString()}'`
  await database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_ingest', { statement_timeout: patience })
    await tx`SELECT pg_advisory_xact_lock(7461003)`
    const columns = await tx<{ name: string }[]>`
      SELECT attname AS name FROM pg_attribute
      WHERE attrelid = 'tollgate.rollups'::regclass AND attnum > 0 AND NOT attisdropped AND atttypid = 'bigint'::regtype`
    const zeros = tx.unsafe(columns.map(({ name }) => `${name} = 0`).join(', '))
    await tx`
      UPDATE tollgate.rollups SET ${zeros}, response_histogram = NULL, first_token_histogram = NULL,
        first_at = 'infinity', last_at = '-infinity'
      WHERE at >= ${from} AND at < ${to}`
    const [statement] = await tx<{ text: string }[]>`SELECT tollgate.rollup_statement(${rows}) AS text`
    await tx.unsafe(statement?.text ?? '')
    await tx`
      UPDATE tollgate.rollups SET first_at = at, last_at = at
      WHERE at >= ${from} AND at < ${to} AND first_at = 'infinity'`
    await tx`
      INSERT INTO tollgate.users_seen AS seen (org_id, user_id, first_seen_at, last_seen_at)
      SELECT org_id, user_id, min(started_at), max(started_at) FROM tollgate.usage
      WHERE started_at >= ${from} AND started_at < ${to} AND user_id IS NOT NULL
      GROUP BY 1, 2 ORDER BY 1, 2
      ON CONFLICT (org_id, user_id) DO UPDATE SET
        first_seen_at = least(seen.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(seen.last_seen_at, excluded.last_seen_at)`
    const { actor, differences } = repair
    await writeAudit(tx, clock, { actor, action: 'rollups.repaired', target: day, detail: { differences } })
  })
}

/** Sets what a budget has spent in a window to what its rows say. Only for a window whose rows are all kept. */
export async function repairBudget(
  database: Database,
  clock: Clock,
  { place, ...found }: Difference,
  actor: string,
): Promise<void> {
  const { budget = null, subject = null, window = null } = place
  await database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_ingest', { statement_timeout: patience })
    await tx`SELECT pg_advisory_xact_lock(7461003)`
    // Added up again: rows have come since it was looked at.
    await tx`
      INSERT INTO tollgate.budget_spend (budget, subject, "window", org_id, settled_nano_usd)
      SELECT ${budget}::text, ${subject}::text, ${window}::text, coalesce(min(org_id), ''), coalesce(sum(charge_nano_usd), 0)
      FROM tollgate.usage
      WHERE budgets @> ${JSON.stringify([{ budget, subject, window }])}::text::jsonb AND charge_nano_usd IS NOT NULL
      ON CONFLICT (budget, subject, "window") DO UPDATE SET settled_nano_usd = excluded.settled_nano_usd`
    await writeAudit(tx, clock, {
      actor,
      action: 'budget_spend.repaired',
      target: `${budget}/${subject}/${window}`,
      detail: { ...found },
    })
  })
}
