import { migrationsFolder } from '../../assemble-ledger.ts'
import { Unsealable } from '../../catalog/seal.ts'
import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { firstKey, firstKeySlug } from '../../first-key.ts'
import { findKey } from '../../ledger/configured/keys.ts'
import type { Database } from '../../ledger/database.ts'
import { pendingMigrations } from '../../ledger/migrations/migrations.ts'
import { counted, duration } from '../format.ts'
import { CommandFailure } from '../output.ts'
import { hasLedger, masterKeysOf, withAnyLedger } from '../visit.ts'
import { type Check, failed, ok, warning, wordsOf } from './check.ts'
import { checkPipeline } from './pipeline.ts'

/** More, and rows carry times that do not fit those of the database. */
const skewMs = 2_000

/** The database, its schema, its clock, and whether the master key opens what is sealed in it. */
export async function checkDatabase(configuration: Configuration): Promise<readonly Check[]> {
  if (!hasLedger(configuration)) return [ok('database', 'embedded PostgreSQL, which the first start makes')]
  try {
    return await withAnyLedger(configuration, (database) => checksOf(database, configuration))
  } catch (error) {
    const fix = error instanceof CommandFailure ? error.detail.fix : undefined
    return [failed('database', wordsOf(error), fix ?? 'start PostgreSQL, or correct DATABASE_URL')]
  }
}

async function checksOf(database: Database, configuration: Configuration): Promise<readonly Check[]> {
  const kind = configuration.databaseUrl === undefined ? 'embedded PostgreSQL' : 'PostgreSQL'
  const { version } = await database.check()
  const pending = await pendingMigrations(database, migrationsFolder)
  const answers = ok('database', `${kind} ${version}`)
  if (pending.length > 0) {
    const found = `${counted(pending.length, 'migration')} to apply: ${pending.join(', ')}`
    return [answers, warning('schema', found, 'tollgate migrate; the next start does it too')]
  }
  return [
    answers,
    ok('schema', 'up to date'),
    await checkClock(database),
    await checkMasterKey(database, configuration),
    ...(await checkPipeline(database, configuration)),
  ]
}

async function checkClock({ sql }: Database): Promise<Check> {
  const before = systemClock.now()
  const [row] = await sql<{ ms: number }[]>`SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms`
  const after = systemClock.now()
  const apartMs = Math.abs((row?.ms ?? Number.NaN) - (before + after) / 2)
  const found = `${new Date(after).toISOString()}, ${duration(apartMs)} from PostgreSQL's`
  // What the question took may be all of the difference.
  if (apartMs <= skewMs + (after - before)) return ok('clock', found)
  return warning('clock', found, 'let both machines keep time by NTP')
}

async function checkMasterKey(database: Database, configuration: Configuration): Promise<Check> {
  const name = 'master key'
  const fix = 'restore master.key, or set TOLLGATE_MASTER_KEY to the key that it was sealed with'
  try {
    const keys = masterKeysOf(configuration)
    if (!(await findKey(database, firstKeySlug))) return ok(name, 'at hand; nothing is sealed yet')
    await firstKey(database, keys, systemClock)
    return ok(name, 'opens what is sealed')
  } catch (error) {
    if (!(error instanceof Unsealable)) return failed(name, wordsOf(error), fix)
    return failed(name, `does not open the first key: ${error.message}`, fix)
  }
}
