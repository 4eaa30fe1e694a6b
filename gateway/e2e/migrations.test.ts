import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import { openDatabase } from '../ledger/database.ts'
import { migrationsIn } from '../ledger/migrations/migration-files.ts'
import { migrate, pendingMigrations, schemaStanding } from '../ledger/migrations/migrations.ts'
import { emptyDatabase } from './database.ts'
import { makeLogin } from './logins.ts'

const folder = join(import.meta.dirname, '../../migrations')
const known = migrationsIn(folder)
const names = known.map(({ name }) => name)

let empty: Awaited<ReturnType<typeof emptyDatabase>>
beforeEach(async () => {
  empty = await emptyDatabase()
})
afterEach(async () => {
  await empty.drop()
})

/** The schema as this many files of earlier releases left it, by the migrator that they had. */
async function asReleased(files: number, sql = empty.database.sql): Promise<void> {
  await sql.unsafe(`
    CREATE SCHEMA IF NOT EXISTS tollgate;
    CREATE TABLE tollgate.migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint)`)
  await sql.begin(async (tx) => {
    for (const { statements, sha256, when } of known.slice(0, files)) {
      for (const statement of statements) await tx.unsafe(statement)
      await tx`INSERT INTO tollgate.migrations (hash, created_at) VALUES (${sha256}, ${when})`
    }
  })
}

const release02 = 2

/** The columns that 0.2 writes, and all that has to be in them. */
const row02 = {
  attempt: 1,
  revision: 2,
  org_id: 'acme',
  key_id: 'dev',
  user_id: 'ann',
  dialect: 'openai-chat',
  endpoint: '/v1/chat/completions',
  stream: false,
  requested_model: 'fast',
  input_tokens: 5,
  output_tokens: 6,
  usage_source: 'provider',
  cost_nano_usd: 7,
  charge_nano_usd: 7,
  success: true,
  status: 'complete',
  tracked: true,
}

/** As 0.2 has it, without becoming anybody: an upsert from one JSON parameter. */
async function writeAs02(sql: typeof empty.database.sql, count: number): Promise<void> {
  const now = systemClock.now()
  const rows = Array.from({ length: count }, () => {
    const id = uuidV7(now)
    return { ...row02, id, call_id: id, started_at: new Date(now).toISOString(), flags: [] }
  })
  const columns = Object.keys(rows[0] ?? {})
  await sql.unsafe(
    `INSERT INTO tollgate.usage AS old (${columns.join(', ')})
    SELECT ${columns.join(', ')} FROM json_populate_recordset(NULL::tollgate.usage, $1::text::json)
    ON CONFLICT (started_at, id) DO UPDATE SET ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}
    WHERE old.revision < excluded.revision`,
    [JSON.stringify(rows)],
  )
}

/** And the partition before that. */
async function makeDayAs02(sql: typeof empty.database.sql): Promise<void> {
  const day = new Date(systemClock.now()).toISOString().slice(0, 10)
  const name = `tollgate.usage_${day.replaceAll('-', '')}`
  const next = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10)
  await sql.unsafe(`
    CREATE TABLE ${name} (LIKE tollgate.usage INCLUDING ALL);
    ALTER TABLE tollgate.usage ATTACH PARTITION ${name} FOR VALUES FROM ('${day} 00:00:00+00') TO ('${next} 00:00:00+00')`)
}

function summedCalls() {
  return empty.database.sql`SELECT level, sum(calls)::int AS calls FROM tollgate.rollups GROUP BY 1 ORDER BY 1`
}

function everyLevel(calls: number) {
  return ['15m', '6h', 'day', 'user_15m', 'user_day'].map((level) => ({ level, calls }))
}

// Long form: TOLLGATE_ROUNDS=10.
const rounds = Number(process.env['TOLLGATE_ROUNDS'] ?? 1)

test('five replicas that start together on an empty database are ready soon, each file applied once', async () => {
  for (let round = 0; round < rounds; round++) {
    const place = await emptyDatabase()
    const replicas = Array.from({ length: 5 }, () => openDatabase(place.address))
    const startedMs = systemClock.elapsed()
    try {
      const applied = await Promise.all(replicas.map((each) => migrate(each, folder)))
      const readyMs = systemClock.elapsed() - startedMs
      expect(applied.flat().sort()).toEqual(names)
      expect(readyMs).toBeLessThan(20_000)
      expect(await migrate(place.database, folder)).toEqual([])
    } finally {
      await Promise.all(replicas.map((each) => each.close()))
      await place.drop()
    }
  }
}, 200_000)

describe('a database of release 0.2', () => {
  test('is brought up to date with its rows summed', async () => {
    await asReleased(release02)
    await makeDayAs02(empty.database.sql)
    await writeAs02(empty.database.sql, 3)
    expect(await migrate(empty.database, folder)).toEqual(names.slice(release02))
    expect(await summedCalls()).toEqual(everyLevel(3))
    const { applied, pending, newer } = await schemaStanding(empty.database, folder)
    expect({ names: applied.map(({ name }) => name), pending, newer }).toEqual({ names, pending: [], newer: 0 })
    // The old migrator did not write down when.
    expect(applied.map(({ at }) => at !== undefined)).toEqual(names.map((_, i) => i >= release02))
  })

  test('waits for a lock, says so, and goes on once it is free', async () => {
    await asReleased(release02)
    const { sql } = empty.database
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const holding = sql.begin(async (tx) => {
      await tx`LOCK TABLE tollgate.usage IN ACCESS SHARE MODE`
      await held
    })
    const waited: string[] = []
    const applied = await migrate(empty.database, folder, {
      waiting: (name) => {
        waited.push(name)
        release()
      },
    })
    await holding
    expect(waited).toEqual(['0002_rollups'])
    expect(applied).toEqual(names.slice(release02))
  })
})

describe('release 0.2 on the schema of this one', () => {
  test('writes, reads and makes partitions in the name of a login that is no superuser', async () => {
    const login = await makeLogin(empty, ['tollgate_owner', 'tollgate_ingest', 'tollgate_app'])
    try {
      await migrate(empty.database, folder)
      const { sql } = login.database
      // Made by this release; its own, on another day, is made by itself.
      await writeAs02(sql, 3)
      expect(await summedCalls()).toEqual(everyLevel(3))
      await sql`CREATE TABLE tollgate.usage_20200101 (LIKE tollgate.usage INCLUDING ALL)`
      await sql`ALTER TABLE tollgate.usage ATTACH PARTITION tollgate.usage_20200101
        FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-01-02 00:00:00+00')`
      await sql`INSERT INTO tollgate.keys (id, slug, secret_sha256, hint, org_id, models)
        VALUES (gen_random_uuid(), 'k', ${`${'k'.repeat(43)}=`}, 'tg-', 'default', '{}')`
      await sql`INSERT INTO tollgate.secrets (name, sealed) VALUES ('s', 'v1.x')`
      await sql`INSERT INTO tollgate.connections (id, slug, provider) VALUES (gen_random_uuid(), 'c', 'sandbox')`
      for (const table of ['keys', 'secrets', 'connections', 'catalog_state']) {
        expect(await sql.unsafe(`SELECT FROM tollgate.${table}`)).toHaveLength(1)
      }
      expect(await sql`SELECT FROM tollgate.usage WHERE key_id = 'dev'`).toHaveLength(3)
      const [last] = await sql`SELECT max(created_at) AS at FROM tollgate.migrations`
      expect(last?.['at']).toBe(BigInt(known.at(-1)?.when ?? 0))
    } finally {
      await login.drop()
    }
  })
})

describe('a login that is no superuser', () => {
  test('is told what to have run where it may not, and goes on from there when that was done', async () => {
    const login = await makeLogin(empty, [])
    try {
      await empty.database.sql.unsafe(`GRANT CREATE ON DATABASE ${databaseName()} TO ${login.name}`)
      const failure = await migrate(login.database, folder).then(
        () => undefined,
        (error: Error) => error.message,
      )
      expect(failure).toContain('The migration 0003_roles was not applied.')
      const [, sql = ''] = /Have an administrator run: (.*;)$/.exec(failure ?? '') ?? []
      expect(sql.split('; ').map((each) => each.split(' ').slice(0, 2).join(' '))).toEqual(
        ['owner', 'ingest', 'app'].map((role) => `GRANT tollgate_${role}`),
      )
      expect(await pendingMigrations(login.database, folder)).toEqual(names.slice(3))
      await empty.database.sql.unsafe(sql)
      expect(await migrate(login.database, folder)).toEqual(names.slice(3))
    } finally {
      await login.drop()
    }
  })

  test('may be another for the next replica', async () => {
    const roles = ['tollgate_owner', 'tollgate_ingest', 'tollgate_app']
    const first = await makeLogin(empty, roles, 'NOINHERIT')
    const second = await makeLogin(empty, roles, 'NOINHERIT')
    const part = mkdtempSync(join(tmpdir(), 'tollgate-migrations-'))
    try {
      await empty.database.sql.unsafe(`GRANT CREATE ON DATABASE ${databaseName()} TO ${first.name}`)
      cpSync(folder, part, { recursive: true })
      writeJournal(part, known.slice(0, 4))
      expect(await migrate(first.database, part)).toEqual(names.slice(0, 4))
      expect(await migrate(second.database, folder)).toEqual(names.slice(4))
      expect(await migrate(first.database, folder)).toEqual([])
    } finally {
      rmSync(part, { recursive: true })
      await first.drop()
      await second.drop()
    }
  })
})

describe('a database that a newer release has brought up to date', () => {
  beforeEach(async () => {
    await migrate(empty.database, folder)
    await empty.database.sql`INSERT INTO tollgate.migrations (hash, created_at) VALUES ('f00', 9000000000000)`
  })

  test('serves this one too, which says so', async () => {
    const warned: number[] = []
    expect(await migrate(empty.database, folder, { newer: (count) => warned.push(count) })).toEqual([])
    expect(warned).toEqual([1])
  })

  test('is refused in words where that release said that it has to be', async () => {
    await empty.database.sql.unsafe(
      'CREATE OR REPLACE FUNCTION tollgate.schema_major() RETURNS integer LANGUAGE sql IMMUTABLE RETURN 2',
    )
    await expect(migrate(empty.database, folder)).rejects.toThrow(
      "The database's schema is of version 2, made by a newer release; this one knows version 1.",
    )
  })
})

test('nothing outside of its own schema is touched', async () => {
  const { sql } = empty.database
  await sql.unsafe(`
    CREATE TABLE public.usage (mine text); INSERT INTO public.usage VALUES ('kept');
    CREATE TABLE public.migrations (mine text); CREATE TABLE public.keys (mine text);
    CREATE FUNCTION public.date_bin(text, timestamptz, text) RETURNS timestamptz LANGUAGE sql RETURN NULL::timestamptz`)
  const before = await everythingElse()
  await migrate(empty.database, folder)
  expect(await everythingElse()).toEqual(before)
  expect(await sql`SELECT mine FROM public.usage`).toEqual([{ mine: 'kept' }])
})

test('a file that fails leaves nothing of itself, and what came before it', async () => {
  const broken = mkdtempSync(join(tmpdir(), 'tollgate-migrations-'))
  try {
    cpSync(folder, broken, { recursive: true })
    writeFileSync(
      join(broken, '9999_broken.sql'),
      'CREATE TABLE tollgate.half ();\n--> statement-breakpoint\nSELECT 1 / 0;',
    )
    writeJournal(broken, [...known, { name: '9999_broken', when: 9_000_000_000_000 }])
    await expect(migrate(empty.database, broken)).rejects.toThrow(
      /^The migration 9999_broken was not applied\. PostgreSQL at .*: division by zero \(22012\)\.$/,
    )
    expect(await pendingMigrations(empty.database, broken)).toEqual(['9999_broken'])
    const [left] = await empty.database.sql`SELECT to_regclass('tollgate.half') AS table`
    expect(left).toEqual({ table: null })
  } finally {
    rmSync(broken, { recursive: true })
  }
})

function writeJournal(place: string, entries: readonly { readonly name: string; readonly when: number }[]): void {
  const journal = { entries: entries.map(({ name, when }) => ({ tag: name, when })) }
  writeFileSync(join(place, 'meta', '_journal.json'), JSON.stringify(journal))
}

function everythingElse() {
  return empty.database.sql`
    SELECT nspname, relname, relkind::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname NOT IN ('tollgate', 'pg_toast', 'pg_catalog', 'information_schema') ORDER BY 1, 2`
}

function databaseName(): string {
  const { address } = empty
  return typeof address === 'string' ? (/\/(\w+)(?:\?|$)/.exec(address)?.[1] ?? '') : address.database
}
