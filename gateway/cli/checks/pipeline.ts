import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { dayMs, dayOf } from '../../domain/day.ts'
import type { Database } from '../../ledger/database.ts'
import { quarantine } from '../../ledger/quarantine.ts'
import { grantOf, lackingRoles, processRoles } from '../../ledger/roles.ts'
import { keptDays, verifyLately } from '../../ledger/verify/verify.ts'
import { counted } from '../format.ts'
import { type Check, failed, ok, warning } from './check.ts'

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

async function checkRoles(database: Database): Promise<Check> {
  const lacking = await lackingRoles(database.sql)
  const { login, roles } = lacking
  if (roles.length === 0) return ok('roles', `may become ${processRoles.join(', ')}`)
  return failed(
    'roles',
    `${login} may not become ${roles.join(', ')}`,
    `have an administrator run: ${grantOf(lacking)}`,
  )
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
  const { total, rows } = await quarantine(database, 1)
  if (total === 0) return ok('quarantine', 'empty')
  return warning(
    'quarantine',
    `${counted(total, 'row')}: ${rows[0]?.reason}`,
    'tollgate usage quarantine list shows them; once the reason is gone, quarantine replay tries them again',
  )
}
