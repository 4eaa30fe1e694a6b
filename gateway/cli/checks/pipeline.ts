import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { dayMs, dayOf } from '../../domain/day.ts'
import type { Database } from '../../ledger/database.ts'
import { become, type Role } from '../../ledger/roles.ts'
import { keptDays, quarantined, verifyLately } from '../../ledger/verify/verify.ts'
import { toldMax } from '../../ledger/verify/verify-difference.ts'
import { counted } from '../format.ts'
import { type Check, failed, ok, warning, wordsOf } from './check.ts'

/** What usage goes through behind the journal: roles, partitions, sums, quarantine, retention. */
export async function checkPipeline(database: Database, { declared }: Configuration): Promise<readonly Check[]> {
  const roles = await checkRoles(database)
  // Nothing can be looked at but as one of them.
  if (roles.status === 'failed') return [roles]
  const days = await keptDays(database)
  return [
    roles,
    checkPartitions(days),
    checkRetention(days, declared.settings.retention.rowsDays),
    await checkSums(database),
    await checkQuarantine(database),
  ]
}

const roles: readonly Role[] = ['tollgate_owner', 'tollgate_ingest', 'tollgate_app']

async function checkRoles(database: Database): Promise<Check> {
  for (const role of roles) {
    try {
      await database.sql.begin((tx) => become(tx, role))
    } catch (error) {
      const fix = `have an administrator run: GRANT ${role} TO <the user of DATABASE_URL>`
      return failed('roles', `${role}: ${wordsOf(error)}`, fix)
    }
  }
  return ok('roles', `may become ${roles.join(', ')}`)
}

function checkPartitions(days: readonly string[]): Check {
  const now = systemClock.now()
  const missing = [now, now + dayMs].map(dayOf).filter((day) => !days.includes(day))
  if (missing.length === 0) return ok('partitions', 'of today and tomorrow are there')
  // Writers make what they miss; they only lose a moment by it.
  return warning('partitions', `none yet for ${missing.join(', ')}`, 'a gateway that runs makes them ahead; start it')
}

function checkRetention(days: readonly string[], keptForDays: number): Check {
  const oldest = days[0]
  if (oldest === undefined) return ok('retention', 'no rows yet')
  const age = Math.floor((systemClock.now() - Date.parse(oldest)) / dayMs)
  const found = `rows are kept ${counted(keptForDays, 'day')}; the oldest are of ${oldest}`
  // Whole days go, an hour after their time at most; the rest is for a gateway that did not run for a while.
  if (age <= keptForDays + 2) return ok('retention', found)
  return warning(
    'retention',
    found,
    'a running gateway drops them hourly: start it, or its log says what is in the way',
  )
}

async function checkSums(database: Database): Promise<Check> {
  const differences = await verifyLately(database, systemClock.now())
  if (differences.length === 0) return ok('sums', 'agree with the rows of the last hour')
  const [first] = differences
  const found = `${counted(differences.length, 'difference')} in the last hour, ${first?.measure} among them`
  return failed('sums', found, 'tollgate verify says where; tollgate verify --repair makes the sums anew')
}

async function checkQuarantine(database: Database): Promise<Check> {
  const rows = await quarantined(database)
  if (rows.length === 0) return ok('quarantine', 'empty')
  const found = `${rows.length < toldMax ? counted(rows.length, 'row') : `${toldMax} rows or more`}: ${rows[0]?.reason}`
  return warning(
    'quarantine',
    found,
    'tollgate usage quarantine list shows them; once the reason is gone, quarantine replay tries them again',
  )
}
