import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import { rowText } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { makeLogin, type TestLogin } from '../e2e/logins.ts'
import { insertKey } from './configured/keys.ts'
import { failureOf } from './failure.ts'
import { type Reader, reading } from './reading.ts'
import { become, everyOrg, type Role, type Scope, scoped } from './roles.ts'
import { UsageLedger } from './usage.ts'

const current = testDatabase()
const denied = '42501'

// All that a process's login needs, and nothing by itself.
let bare: TestLogin
let bi: TestLogin

beforeAll(async () => {
  bare = await makeLogin(current(), ['tollgate_owner', 'tollgate_ingest', 'tollgate_app'], 'NOINHERIT')
  bi = await makeLogin(current(), ['tollgate_bi'])
  const ledger = new UsageLedger(bare.database, systemClock)
  const at = systemClock.now()
  const rows = ['acme', 'rival'].flatMap((org_id) =>
    ['ann', 'bob'].map((user) =>
      rowAt(at, { org_id, user_id: `${org_id}-${user}`, key_id: org_id, cost_nano_usd: 1_000, charge_nano_usd: 1_000 }),
    ),
  )
  expect(await ledger.store(rows.map(rowText))).toEqual([])
  await ledger.close()
  for (const orgId of ['acme', 'rival']) {
    const secretSha256 = `${orgId.padEnd(43, 'A')}=`
    await insertKey(bare.database, systemClock, { slug: orgId, secretSha256, hint: 'tg-', orgId, models: ['*'] })
  }
  const { sql } = current().database
  await sql`INSERT INTO tollgate.bi_access VALUES (${bi.name}, 'acme')`
  await sql`INSERT INTO tollgate.audit_log VALUES
    (gen_random_uuid(), now(), 'acme', 'a', 'b', 'c'), (gen_random_uuid(), now(), 'rival', 'a', 'b', 'c')`
  await sql`INSERT INTO tollgate.budget_spend VALUES ('b', 'acme', 'day', 'acme', 1), ('b', 'rival', 'day', 'rival', 1)`
})
afterAll(async () => {
  await bare?.drop()
  await bi?.drop()
})

interface Part {
  readonly org: string
}

/** The organisations whose rows are in this, in somebody's eyes. */
async function orgsIn(sql: Reader, table: string): Promise<readonly string[]> {
  const rows = await sql.unsafe<Part[]>(`SELECT DISTINCT org_id AS org FROM tollgate.${table} ORDER BY 1`)
  return rows.map(({ org }) => org)
}

/** A transaction of the bare login as this role. */
async function as<T>(role: Role, settings: Record<string, string>, work: (sql: Reader) => Promise<T>): Promise<T> {
  const outcome = await bare.database.sql.begin(async (tx) => {
    await become(tx, role, settings)
    return { value: await work(tx) }
  })
  return outcome.value
}

/** What PostgreSQL answers: `ok`, or its code. */
function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => failureOf(error).code,
  )
}

const tenantTables = 'usage usage_rows calls series rollups users_seen budget_spend keys audit_log'.split(' ')

describe('the application', () => {
  test.each(tenantTables)('sees of %s the organisation that is set, and nothing where none is', async (table) => {
    const seen = (settings: Record<string, string>) => as('tollgate_app', settings, (sql) => orgsIn(sql, table))
    expect(await seen({})).toEqual([])
    expect(await seen({ 'tollgate.org': '' })).toEqual([])
    expect(await seen({ 'tollgate.org': 'nobody' })).toEqual([])
    expect(await seen({ 'tollgate.org': "acme' OR true --" })).toEqual([])
    expect(await seen({ 'tollgate.org': 'acme' })).toEqual(['acme'])
    expect(await seen(scoped(everyOrg))).toEqual(['acme', 'rival'])
  })

  test('sees of an organisation one user alone, once a user is set', async () => {
    const users = (scope: Scope) =>
      reading(bare.database, scope, async (sql) => {
        const rows = await sql<{ user: string }[]>`
          SELECT user_id AS user FROM tollgate.usage UNION SELECT user_id FROM tollgate.users_seen
          UNION SELECT user_id FROM tollgate.rollups JOIN tollgate.series ON id = series_id`
        return rows.map(({ user }) => user)
      })
    expect(await users({ org: 'acme', user: 'acme-ann' })).toEqual(['acme-ann'])
    expect(await users({ org: 'acme', user: 'rival-ann' })).toEqual([])
    const closed = ['budget_spend', 'audit_log', 'keys']
    for (const table of closed) {
      const seen = await reading(bare.database, { org: 'acme', user: 'acme-ann' }, (sql) => orgsIn(sql, table))
      expect({ table, seen }).toEqual({ table, seen: [] })
    }
  })

  test('sees what belongs to the installation only where every organisation is set', async () => {
    const statements = ['connections', 'secrets', 'bi_access', 'quarantine'].map(
      (table) => `SELECT count(*)::int AS n FROM tollgate.${table}`,
    )
    const { sql } = current().database
    await sql`INSERT INTO tollgate.secrets VALUES ('s', 'v1.x')`
    await sql`INSERT INTO tollgate.connections (id, slug, provider) VALUES (gen_random_uuid(), 's', 'sandbox')`
    await sql`INSERT INTO tollgate.quarantine VALUES (gen_random_uuid(), now(), 'r', '{}')`
    for (const statement of statements) {
      const counted = (scope: Scope) => reading(bare.database, scope, (tx) => tx.unsafe(statement))
      expect(await counted({ org: 'acme' })).toEqual([{ n: 0 }])
      expect(await counted(everyOrg)).toEqual([{ n: 1 }])
    }
  })

  test('writes keys of its organisation alone, and rows of usage not at all', async () => {
    const acme = { 'tollgate.org': 'acme' }
    const write = (statement: string) => as('tollgate_app', acme, (sql) => sql.unsafe(statement))
    const key = (org: string) => `INSERT INTO tollgate.keys (id, slug, secret_sha256, hint, org_id, models)
      VALUES (gen_random_uuid(), gen_random_uuid(), rpad('${org}', 43, 'B') || '=', '', '${org}', '{}')`
    expect(await codeOf(write(key('acme')))).toBe('ok')
    expect(await codeOf(write(key('rival')))).toBe(denied)
    expect(await codeOf(write(`UPDATE tollgate.keys SET org_id = 'rival'`))).toBe(denied)
    expect((await write(`UPDATE tollgate.keys SET hint = 'x' WHERE slug = 'rival'`)).count).toBe(0)
    for (const statement of [
      'DELETE FROM tollgate.keys',
      'DELETE FROM tollgate.usage',
      'UPDATE tollgate.usage SET cost_nano_usd = 0',
      'UPDATE tollgate.budget_spend SET settled_nano_usd = 0',
      'UPDATE tollgate.audit_log SET actor = NULL',
      'TRUNCATE tollgate.usage',
      'CREATE TABLE tollgate.mine ()',
      'ALTER TABLE tollgate.usage DISABLE ROW LEVEL SECURITY',
      `SELECT tollgate.make_partitions(ARRAY[date '2031-01-01'])`,
      `INSERT INTO tollgate.audit_log VALUES (gen_random_uuid(), now(), 'rival', 'a', 'b', 'c')`,
      `INSERT INTO tollgate.bi_access VALUES ('me', 'acme')`,
    ]) {
      expect({ statement, code: await codeOf(write(statement)) }).toEqual({ statement, code: denied })
    }
  })

  test('learns nothing of other organisations from operators that fail, nor from statistics', async () => {
    await current().database.sql`ANALYZE tollgate.usage`
    await as('tollgate_app', { 'tollgate.org': 'acme' }, async (sql) => {
      // Fails on the rival's row, if it ever gets there.
      await sql`SELECT 1 / (CASE WHEN org_id = 'rival' THEN 0 ELSE 1 END) FROM tollgate.usage
        WHERE 1 / (CASE WHEN org_id = 'rival' THEN 0 ELSE 1 END) = 1`
      expect(await sql`SELECT FROM pg_stats WHERE schemaname = 'tollgate' AND tablename LIKE 'usage%'`).toHaveLength(0)
    })
  })

  test('is not shown what it collides with: a slug is taken, and that is all', async () => {
    const taken = as(
      'tollgate_app',
      { 'tollgate.org': 'acme' },
      (sql) => sql`INSERT INTO tollgate.keys (id, slug, secret_sha256, hint, org_id, models)
        VALUES (gen_random_uuid(), 'rival', ${`${'c'.repeat(43)}=`}, '', 'acme', '{}')`,
    )
    const failure = await taken.catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: '23505', constraint_name: 'keys_slug_key' })
    expect(failure).not.toHaveProperty('detail')
  })

  test('that loses its role or its organisation halfway sees nothing from then on', async () => {
    await as('tollgate_app', { 'tollgate.org': 'acme' }, async (sql) => {
      await sql`SAVEPOINT other`
      await become(sql, 'tollgate_app', { 'tollgate.org': 'rival' })
      expect(await orgsIn(sql, 'usage')).toEqual(['rival'])
      await sql`ROLLBACK TO other`
      expect(await orgsIn(sql, 'usage')).toEqual(['acme'])
      await sql`RESET tollgate.org`
      expect(await orgsIn(sql, 'usage')).toEqual([])
    })
    const reset = as('tollgate_app', { 'tollgate.org': 'acme' }, async (sql) => {
      await sql`RESET ROLE`
      await orgsIn(sql, 'usage')
    })
    expect(await codeOf(reset)).toBe(denied)
  })

  test('keeps indexes and the choice of partitions', async () => {
    const from = new Date(Math.floor(systemClock.now() / 86_400_000) * 86_400_000)
    const plan = await reading(bare.database, { org: 'acme' }, async (sql) => {
      await sql`SET LOCAL enable_seqscan = off`
      return sql<{ 'QUERY PLAN': string }[]>`EXPLAIN SELECT * FROM tollgate.usage
        WHERE key_id = 'acme' AND started_at >= ${from} AND started_at < ${new Date(from.getTime() + 86_400_000)}`
    })
    const words = plan.map((line) => line['QUERY PLAN']).join('\n')
    expect(words).toMatch(/Index Cond: \(\(key_id = 'acme'::text\) AND \(started_at >=/)
    expect(words.match(/ on usage_\d{8}/g)).toHaveLength(1)
  })
})

describe('the owner', () => {
  test.each([...tenantTables, 'connections', 'secrets'])('reads nothing of %s', async (table) => {
    const rows = await as('tollgate_owner', scoped(everyOrg), (sql) => sql.unsafe(`SELECT FROM tollgate.${table}`))
    expect(rows).toHaveLength(0)
  })

  test('makes partitions that nobody reaches but through their table', async () => {
    await as('tollgate_owner', {}, (sql) => sql`SELECT tollgate.make_partitions(ARRAY[date '2030-05-06'])`)
    for (const partition of ['usage_20300506', 'rollups_day_203005']) {
      for (const role of ['tollgate_ingest', 'tollgate_app'] as const) {
        const look = as(role, scoped(everyOrg), (sql) => sql.unsafe(`SELECT FROM tollgate.${partition}`))
        expect(await codeOf(look)).toBe(denied)
      }
    }
  })
})

describe('the writer', () => {
  test('neither deletes rows nor sees what is configured', async () => {
    for (const statement of [
      'DELETE FROM tollgate.usage',
      'SELECT FROM tollgate.keys',
      'SELECT FROM tollgate.secrets',
      'SELECT FROM tollgate.connections',
      'UPDATE tollgate.audit_log SET actor = NULL',
      'CREATE TABLE tollgate.mine ()',
    ]) {
      const code = await codeOf(as('tollgate_ingest', {}, (sql) => sql.unsafe(statement)))
      expect({ statement, code }).toEqual({ statement, code: denied })
    }
  })
})

describe('a login of a BI tool', () => {
  const ask = (statement: string) => bi.database.sql.unsafe<Part[]>(statement)

  test('sees through the views the organisations it was given, whatever it sets', async () => {
    for (const view of ['usage_rows', 'calls']) {
      const set = await bi.database.sql.begin(async (sql) => {
        await sql`SELECT set_config('tollgate.org', '*', true), set_config('tollgate.user', 'rival-ann', true)`
        return { orgs: await orgsIn(sql, view) }
      })
      expect(set.orgs).toEqual(['acme'])
    }
    const [{ n } = { n: 0 }] = await bi.database.sql<{ n: number }[]>`
      SELECT sum(cost_nano_usd)::int AS n FROM tollgate.calls`
    expect(n).toBe(2_000)
  })

  test('sees nothing where it was given nothing, and everything where it was given that', async () => {
    const { sql } = current().database
    await sql`UPDATE tollgate.bi_access SET org_id = '*' WHERE login = ${bi.name}`
    expect(await ask('SELECT DISTINCT org_id FROM tollgate.usage_rows')).toHaveLength(2)
    await sql`UPDATE tollgate.bi_access SET login = 'somebody else'`
    expect(await ask('SELECT FROM tollgate.usage_rows')).toHaveLength(0)
    expect(await ask('SELECT FROM tollgate.bi_access')).toHaveLength(0)
    await sql`UPDATE tollgate.bi_access SET login = ${bi.name}, org_id = 'acme'`
  })

  test.each([
    'SELECT usage_raw FROM tollgate.usage',
    'SELECT * FROM tollgate.usage',
    'SELECT FROM tollgate.keys',
    'SELECT FROM tollgate.secrets',
    'SELECT FROM tollgate.rollups',
    'SELECT FROM tollgate.series',
    'SELECT FROM tollgate.budget_spend',
    'SELECT FROM tollgate.audit_log',
    'SELECT FROM tollgate.usage_$today',
    "INSERT INTO tollgate.bi_access VALUES (session_user, '*')",
    "UPDATE tollgate.bi_access SET org_id = '*'",
    'DELETE FROM tollgate.bi_access',
    'SET ROLE tollgate_app',
    'SET ROLE tollgate_ingest',
    'SET ROLE tollgate_owner',
    'SET SESSION AUTHORIZATION tollgate_app',
    'CREATE VIEW tollgate.mine AS SELECT 1',
  ])('may not: %s', async (statement) => {
    const today = new Date(systemClock.now()).toISOString().slice(0, 10).replaceAll('-', '')
    expect(await codeOf(ask(statement.replace('$today', today)))).toBe(denied)
  })
})

describe('the schema', () => {
  test('has no table without forced row-level security, and none that is not the owner’s', async () => {
    const tables = await current().database.sql<{ name: string }[]>`
      SELECT relname AS name FROM pg_class
      WHERE relnamespace = 'tollgate'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        AND NOT (pg_get_userbyid(relowner) = 'tollgate_owner'
          AND (relkind = 'v' OR relname = 'migrations' OR relrowsecurity AND relforcerowsecurity))`
    expect(tables).toEqual([])
    const [{ n } = { n: 0 }] = await current().database.sql<{ n: number }[]>`
      SELECT count(*)::int AS n FROM pg_class WHERE relnamespace = 'tollgate'::regnamespace AND relforcerowsecurity`
    expect(n).toBeGreaterThan(15)
  })

  test('grants nothing on a partition, and nothing to everybody', async () => {
    const open = await current().database.sql`
      SELECT relname, grantee::regrole FROM pg_class, aclexplode(relacl)
      WHERE relnamespace = 'tollgate'::regnamespace
        AND (relispartition OR grantee = 0) AND pg_get_userbyid(grantee) <> 'tollgate_owner'`
    expect(open).toEqual([])
    const policies = await current().database.sql`
      SELECT polname FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid WHERE relispartition OR polroles = '{0}'`
    expect(policies).toEqual([])
  })

  test('has no function that acts in the name of its owner, and no view that does', async () => {
    const { sql } = current().database
    const acting = await sql`
      SELECT proname FROM pg_proc WHERE pronamespace = 'tollgate'::regnamespace
        AND (prosecdef OR pg_get_userbyid(proowner) <> 'tollgate_owner')`
    expect(acting).toEqual([])
    const views = await sql`
      SELECT relname FROM pg_class WHERE relnamespace = 'tollgate'::regnamespace AND relkind IN ('v', 'm')
        AND NOT coalesce('security_invoker=true' = ANY(reloptions), false)`
    expect(views).toEqual([])
  })
})

test('outside of a role the process’s login may do nothing at all', async () => {
  for (const table of [...tenantTables, 'migrations']) {
    const code = await codeOf(bare.database.sql.unsafe(`SELECT FROM tollgate.${table}`))
    expect({ table, code }).toEqual({ table, code: denied })
  }
})

test('a session that served one organisation serves the next as if it had not, 1,000 times in turn', async () => {
  let foreign = 0
  let own = 0
  const looks = Array.from({ length: 1_000 }, (_, i) => (i % 2 === 0 ? 'acme' : 'rival'))
  for (let i = 0; i < looks.length; i += 50) {
    await Promise.all(
      looks.slice(i, i + 50).map(async (org) => {
        const seen = await reading(bare.database, { org }, (sql) => orgsIn(sql, 'usage'))
        for (const each of seen) each === org ? own++ : foreign++
      }),
    )
  }
  expect({ own, foreign }).toEqual({ own: looks.length, foreign: 0 })
  // What is left behind in the sessions, after a look that failed as well.
  await reading(bare.database, { org: 'acme' }, (sql) => sql`SELECT 1 / 0`).catch(() => {})
  const left = await Promise.all(
    Array.from(
      { length: 20 },
      () => bare.database.sql`
      SELECT current_user::text AS role, coalesce(current_setting('tollgate.org', true), '') AS org`,
    ),
  )
  expect(new Set(left.map(([row]) => `${row?.['role']} ${row?.['org']}`))).toEqual(new Set([`${bare.name} `]))
})
