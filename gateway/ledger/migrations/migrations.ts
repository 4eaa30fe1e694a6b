import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, Sql } from '../database.ts'
import { failureOf } from '../failure.ts'
import { migrating } from '../locks.ts'
import { type Asking, become, grantOf, lackingRoles, migrationRole, type Transaction } from '../roles.ts'
import { type Migration, migrationsIn } from './migration-files.ts'

/**
 * How the schema is brought up to date. Each file is one transaction, so that what is applied is applied whole, its locks
 * end with it, and what came before it stands though it fails. The transaction holds the turn: processes that start
 * together wait for each other, and find the work done. Nothing is kept in a session, so a pooler may stand between.
 */

// What the schema's tollgate.schema_major() says as long as this release can run with it.
const schemaMajor = 1

/** How the database stands to the migrations of this release. */
export interface SchemaStanding {
  readonly applied: readonly AppliedMigration[]
  /** Oldest first. */
  readonly pending: readonly Migration[]
  /** How many it has that this release does not know: a newer one was here. */
  readonly newer: number
}

export interface AppliedMigration {
  readonly name: string
  /** Unknown of what releases before 0.3 applied. */
  readonly at: Date | undefined
  /** The file is not what it was then. */
  readonly edited: boolean
}

/** What someone wants to know while it happens. */
export interface MigrationWatch {
  applied?(name: string, ms: number): void
  /** Somebody's long statement holds a table; it is tried again. */
  waiting?(name: string, nextTryMs: number): void
  /** Another release was here, whose schema this one can run with. */
  newer?(count: number): void
}

/** The names of the folder's migrations that the database does not have yet, oldest first. */
export async function pendingMigrations(database: Database, folder: string): Promise<readonly string[]> {
  return (await schemaStanding(database, folder)).pending.map(({ name }) => name)
}

/** Throws in words where a newer release made the schema one that this release cannot run with. */
export async function schemaStanding(database: Database, folder: string): Promise<SchemaStanding> {
  const { rows, major } = await database.sql.begin('READ ONLY', rememberedIn)
  if (major !== undefined && major !== schemaMajor) {
    throw new Error(
      `The database's schema is of version ${major}, made by a newer release; this one knows version ${schemaMajor}. ` +
        'Start that release again, or restore a backup that is older than its first start.',
    )
  }
  const known = migrationsIn(folder)
  const byWhen = new Map(rows.map((row) => [Number(row.when), row]))
  return {
    applied: known.flatMap(({ name, when, sha256 }) => {
      const row = byWhen.get(when)
      return row ? [{ name, at: row.at ?? undefined, edited: row.sha256 !== sha256 }] : []
    }),
    pending: known.filter(({ when }) => !byWhen.has(when)),
    newer: rows.length - known.filter(({ when }) => byWhen.has(when)).length,
  }
}

/** Brings the schema up to date and returns the names of what was applied here. Throws in words. */
export async function migrate(
  database: Database,
  folder: string,
  watch: MigrationWatch = {},
): Promise<readonly string[]> {
  const { pending, newer } = await schemaStanding(database, folder)
  if (newer > 0) watch.newer?.(newer)
  const names: string[] = []
  const session = database.client(1)
  try {
    for (const migration of pending) {
      const ms = await applyPatiently(session, migration, watch, database)
      if (ms === undefined) continue
      names.push(migration.name)
      watch.applied?.(migration.name, ms)
    }
  } finally {
    await session.end({ timeout: 1 })
  }
  await demandRoles(database.sql)
  return names
}

const waitsMs = [1_000, 2_000, 4_000, 8_000]

/** A lock that does not come in time is given up, so that nobody queues behind us for long, and asked for again. */
async function applyPatiently(
  session: Sql,
  migration: Migration,
  watch: MigrationWatch,
  database: Database,
): Promise<number | undefined> {
  for (let tries = 0; ; tries++) {
    try {
      return await session.begin((tx) => apply(tx, migration))
    } catch (cause) {
      const waitMs = failureOf(cause).code === '55P03' ? waitsMs[tries] : undefined
      if (waitMs === undefined) {
        throw new Error(`The migration ${migration.name} was not applied. ${database.inWords(cause)}`, { cause })
      }
      watch.waiting?.(migration.name, waitMs)
      await sleep(waitMs)
    }
  }
}

/** How long it took; `undefined` where another process has done it. */
async function apply(tx: Transaction, { when, sha256, statements }: Migration): Promise<number | undefined> {
  // Whatever the login has by default: the turn may take as long as the others' work, and so may ours.
  await tx`
    SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true),
      set_config('search_path', 'pg_catalog', true), pg_advisory_xact_lock(${migrating}::bigint)`
  const { owned, rows } = await rememberedIn(tx)
  if (rows.some((row) => Number(row.when) === when)) return undefined
  const [begun] = await tx<{ at: Date }[]>`SELECT clock_timestamp() AS at`
  if (owned) await become(tx, migrationRole)
  else await tx.unsafe(memory)
  for (const statement of statements) await tx.unsafe(statement)
  const [done] = await tx<{ ms: number }[]>`
    INSERT INTO tollgate.migrations (hash, created_at) VALUES (${sha256}, ${when})
    RETURNING extract(epoch FROM clock_timestamp() - ${begun?.at ?? null}::timestamptz)::float8 * 1000 AS ms`
  return done?.ms ?? 0
}

// The names are those of the migrator that releases before 0.3 had: they read this table, and may be gone back to.
const memory = `
  DO $$ BEGIN
    IF to_regnamespace('tollgate') IS NULL THEN CREATE SCHEMA tollgate; END IF;
    IF to_regclass('tollgate.migrations') IS NULL THEN
      CREATE TABLE tollgate.migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint);
    END IF;
    IF NOT EXISTS (
      SELECT FROM pg_attribute WHERE attrelid = 'tollgate.migrations'::regclass AND attname = 'applied_at'
    ) THEN
      ALTER TABLE tollgate.migrations ADD COLUMN applied_at timestamptz;
      ALTER TABLE tollgate.migrations ALTER COLUMN applied_at SET DEFAULT now();
    END IF;
  END $$
`

interface Remembered {
  readonly when: bigint
  readonly sha256: string
  readonly at: Date | null
}

interface Memory {
  readonly rows: readonly Remembered[]
  /** `undefined` before there is one. */
  readonly major: number | undefined
  /** The schema belongs to the role that owns everything since 0003, and not to a login. */
  readonly owned: boolean
}

/** As the login where it may, else as the role that sees whatever the process looks at; nothing is asked of an empty database. */
async function rememberedIn(tx: Transaction): Promise<Memory> {
  const [place] = await tx<{ owned: boolean; open: boolean }[]>`
    SELECT pg_get_userbyid(nspowner) = ${migrationRole} AS owned,
      has_schema_privilege(space.oid, 'USAGE') AND has_table_privilege(memory.oid, 'SELECT') AS open
    FROM pg_namespace AS space JOIN pg_class AS memory ON relnamespace = space.oid
    WHERE nspname = 'tollgate' AND relname = 'migrations'`
  if (!place) return { rows: [], major: undefined, owned: false }
  const { owned, open } = place
  return { owned, ...(await read(tx, owned, open)) }
}

async function read(tx: Transaction, owned: boolean, open: boolean): Promise<Pick<Memory, 'rows' | 'major'>> {
  if (!open) {
    await demandRoles(tx)
    await become(tx, 'tollgate_app')
  }
  const rows = await tx<Remembered[]>`
    SELECT created_at AS "when", hash AS sha256, (to_jsonb(migrations) ->> 'applied_at')::timestamptz AS at
    FROM tollgate.migrations`
  if (!owned) return { rows, major: undefined }
  const [answer] = await tx<{ major: number }[]>`SELECT tollgate.schema_major() AS major`
  return { rows, major: answer?.major }
}

async function demandRoles(sql: Asking): Promise<void> {
  const lacking = await lackingRoles(sql)
  const { roles, login } = lacking
  if (roles.length === 0) return
  throw new Error(
    `PostgreSQL does not let ${login} act as ${roles.join(', ')}. Have an administrator run: ${grantOf(lacking)}`,
  )
}
