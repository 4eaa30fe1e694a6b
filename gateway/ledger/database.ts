import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { type DatabaseAddress, placeOf, type Target, targetOf } from './address.ts'
import { inWords } from './failure.ts'

/** Whole numbers of 64 bits are `bigint`, everywhere: sums of nano-dollars pass 2^53. */
export type Sql = postgres.Sql<{ bigint: bigint }>

/**
 * Sessions with the ledger, opened at need. drizzle changes its client's reading of dates, so it has one of its own.
 *
 * Nothing is kept in a session (no prepared statements, no SET), so a transaction pooler may stand between.
 */
export interface Database {
  readonly sql: Sql
  readonly orm: PostgresJsDatabase
  /** Sessions for one purpose alone: writing rows must not wait for people looking at them. The caller ends it. */
  client(sessionsMax: number): Sql
  /** Makes sure that it answers and is new enough; throws in words. */
  check(): Promise<ServerVersion>
  /** A failure as people may read it: what is wrong and where, without the password. */
  inWords(error: unknown): string
  close(): Promise<void>
}

export interface ServerVersion {
  /** `18.4`. */
  readonly version: string
}

const oldestMajor = 15
/** Idle sessions close at once; one that waits for a silent server is not waited for. */
const closeSeconds = 1

/** Opens no session yet, so this cannot fail on a PostgreSQL that is away; a mistake in the address is thrown. */
export function openDatabase(address: DatabaseAddress): Database {
  const target = targetOf(address)
  const sql = client(target, 6)
  const ormClient = client(target, 2)
  const words = (error: unknown): string => inWords(error, placeOf(target), target)
  return {
    sql,
    orm: drizzle(ormClient),
    client: (sessionsMax) => client(target, sessionsMax),
    check: () => check(sql, words),
    inWords: words,
    async close() {
      await Promise.all([sql, ormClient].map((each) => each.end({ timeout: closeSeconds })))
    },
  }
}

function client(target: Target, max: number): Sql {
  const { host, port, user, password, database, sessionAttributes } = target
  // `object`, since the driver takes lists of hosts and ports but its types do not say so.
  const place: object = host === undefined ? {} : { host, port }
  return postgres({
    ...place,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    ...(sessionAttributes === undefined ? {} : { target_session_attrs: sessionAttributes }),
    ssl: target.ssl,
    max,
    connect_timeout: target.connectTimeoutSeconds,
    idle_timeout: 60,
    // The driver's own waits grow to 20 s; the journal is better served by a database that is found soon.
    backoff: (attempt: number) => Math.min(0.1 * 2 ** attempt, 2),
    prepare: false,
    fetch_types: false,
    onnotice: () => {},
    types: { bigint: postgres.BigInt },
    connection: { application_name: 'tollgate', ...target.startup },
  })
}

async function check(sql: Sql, words: (error: unknown) => string): Promise<ServerVersion> {
  const [row] = await sql<{ number: string; version: string }[]>`
    SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version
  `.catch((cause: unknown) => {
    throw new Error(words(cause), { cause })
  })
  const version = row?.version.split(' ')[0] ?? 'unknown'
  if (Number(row?.number) >= oldestMajor * 10_000) return { version }
  throw new Error(`Tollgate needs PostgreSQL ${oldestMajor} or newer; this one is ${version}.`)
}
