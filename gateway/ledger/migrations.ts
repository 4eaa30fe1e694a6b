import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyAll } from 'drizzle-orm/postgres-js/migrator'
import type { Database, Sql } from './database.ts'

const schema = 'tollgate'
const table = 'migrations'

// Any number, so long as nothing else in the database takes it.
const migrationLock = 7_461_001

/** The names of the folder's migrations that the database does not have yet, oldest first. */
export async function pendingMigrations(database: Database, folder: string): Promise<readonly string[]> {
  return pending(database.sql, folder)
}

/**
 * Brings the schema up to date and returns the names of what was applied. All of it or nothing. Processes that start
 * together take turns.
 */
export async function migrate(database: Database, folder: string): Promise<readonly string[]> {
  if ((await pending(database.sql, folder)).length === 0) return []
  const turn = database.client(1)
  const session = database.client(1)
  try {
    // The turn is held by an open transaction on a session of its own: a pooler keeps no session lock, and drizzle
    // has no way to run inside a transaction of ours.
    return await turn.begin(async (held) => {
      await held`SELECT pg_advisory_xact_lock(${migrationLock}::bigint)`
      const names = await pending(session, folder)
      await applyAll(drizzle(session), { migrationsFolder: folder, migrationsSchema: schema, migrationsTable: table })
      return names
    })
  } finally {
    await Promise.all([turn.end({ timeout: 1 }), session.end({ timeout: 1 })])
  }
}

async function pending(sql: Sql, folder: string): Promise<readonly string[]> {
  const last = await lastApplied(sql)
  return entriesOf(folder)
    .filter(({ when }) => when > last)
    .map(({ tag }) => tag)
}

// What the migrator itself goes by: the time of the newest migration that was applied.
async function lastApplied(sql: Sql): Promise<number> {
  const [has] = await sql<{ has: boolean }[]>`SELECT to_regclass(${`${schema}.${table}`}) IS NOT NULL AS has`
  if (!has?.has) return 0
  const [last] = await sql<{ at: bigint | null }[]>`SELECT max(created_at) AS at FROM ${sql(schema)}.${sql(table)}`
  return Number(last?.at ?? 0)
}

interface Entry {
  readonly tag: string
  readonly when: number
}

function entriesOf(folder: string): readonly Entry[] {
  const journal: { readonly entries: readonly Entry[] } = JSON.parse(
    readFileSync(join(folder, 'meta', '_journal.json'), 'utf8'),
  )
  return journal.entries
}
