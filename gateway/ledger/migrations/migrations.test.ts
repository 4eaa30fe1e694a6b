import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { migrationsIn } from './migration-files.ts'
import { plansOf } from './migration-plan.ts'

const folder = join(import.meta.dirname, '../../../migrations')
const migrations = migrationsIn(folder)

/** What is in somebody's database already. A change to one of these goes into a file of its own. */
const released: Readonly<Record<string, string>> = {
  '0000_ledger': '398382040f3ff8d78cea7f91ae07e32a574cf99df665e4996df8c9f05cad0d81',
  '0001_connections': '1f08939e4d01a8bfeb3fee300eb895fabaa2197edd908514e900d5f8ce40d182',
}

test('no file changed after its release', () => {
  const now = Object.fromEntries(migrations.map(({ name, sha256 }) => [name, sha256]))
  expect(now).toMatchObject(released)
})

test('every file is in the journal, in the order of its number and its time', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'))
  expect(migrations.map(({ name }) => `${name}.sql`)).toEqual(files.sort())
  const times = migrations.map(({ when }) => when)
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b))
  migrations.forEach(({ name }, i) => {
    expect(name.slice(0, 5)).toBe(`${String(i).padStart(4, '0')}_`)
  })
})

test('no file destroys anything without saying why it may, and each gives up on a lock in time', () => {
  for (const { name, destructive, about } of plansOf(migrations)) {
    expect({ name, unexplained: destructive.filter(({ reason }) => !reason) }).toEqual({ name, unexplained: [] })
    expect(about).toMatch(/^[A-Z].*\.$/)
  }
  for (const { statements } of migrations) expect(statements[0]).toMatch(/SET LOCAL lock_timeout = '5s';\s*$/)
})

test('a file that changes rows since the roles are there does it as a role that sees them', () => {
  const since = migrations.slice(migrations.findIndex(({ name }) => name === '0003_roles'))
  for (const { name, statements } of since) {
    let role = 'tollgate_owner'
    for (const statement of statements.map((text) => text.replace(/--.*$/gm, '').trim())) {
      role = /^SET LOCAL ROLE (\w+)/.exec(statement)?.[1] ?? role
      // Row-level security hides every row from the owner: it would change none, and say nothing.
      if (/^(?:UPDATE|DELETE|INSERT|MERGE|WITH)\b/.test(statement))
        expect({ name, statement, role }).not.toMatchObject({ role: 'tollgate_owner' })
    }
  }
})

/** The plan of a file with these statements, applied after one that made the table `old`. */
function planOf(...statements: readonly string[]) {
  const file = { name: '0001_new', when: 1, sha256: '', statements: ['-- A test. Of it.\nSELECT 1;', ...statements] }
  const [plan] = plansOf([file])
  return plan
}

test.each([
  'DROP TABLE tollgate.keys;',
  'ALTER TABLE tollgate.keys DROP COLUMN hint;',
  'ALTER TABLE tollgate.keys DROP hint;',
  'ALTER TABLE tollgate.keys ADD COLUMN a int, DROP IF EXISTS "hint";',
  'DELETE FROM tollgate.usage;',
  'WITH gone AS (DELETE FROM tollgate.usage RETURNING *) SELECT count(*) FROM gone;',
  'TRUNCATE tollgate.usage;',
  'truncate table tollgate.usage;',
  'DROP SCHEMA public CASCADE;',
  'DROP OWNED BY ana;',
  "DO $$ BEGIN EXECUTE 'DROP TABLE tollgate.keys'; END $$;",
])('sees that data is lost by: %s', (statement) => {
  expect(planOf(statement)?.destructive).toEqual([{ statement, reason: undefined }])
  const explained = planOf(`-- destroys: nobody has read it since 0.1\n${statement}`)
  expect(explained?.destructive).toEqual([{ statement, reason: 'nobody has read it since 0.1' }])
})

test.each([
  'ALTER TABLE tollgate.keys DROP CONSTRAINT keys_secret_is_hashed;',
  'ALTER TABLE tollgate.keys ALTER COLUMN hint DROP NOT NULL;',
  'CREATE TRIGGER t AFTER UPDATE OR DELETE OR TRUNCATE ON tollgate.keys EXECUTE FUNCTION f();',
  'CREATE FUNCTION tollgate.f() RETURNS void LANGUAGE sql AS $$ DELETE FROM tollgate.usage $$;',
  'GRANT SELECT, DELETE, TRUNCATE ON tollgate.keys TO tollgate_app;',
  'DROP INDEX tollgate.usage_key;',
  "COMMENT ON TABLE tollgate.keys IS 'DROP TABLE it''s not; DELETE FROM x';",
  'CREATE POLICY gone ON tollgate.keys FOR DELETE TO tollgate_app USING (true);',
])('sees that none is lost by: %s', (statement) => {
  expect(planOf(statement)?.destructive).toEqual([])
})

test('says of each table who waits, and of what the same file made that nobody does', () => {
  const plan = planOf(
    'CREATE TABLE tollgate.fresh (id int);',
    'ALTER TABLE tollgate.fresh ENABLE ROW LEVEL SECURITY;',
    'CREATE INDEX usage_x ON tollgate.usage (x);',
    'UPDATE tollgate.usage SET x = 1;',
    'CREATE POLICY app ON tollgate.keys TO tollgate_app USING (true);',
    'INSERT INTO tollgate.secrets VALUES (1);',
    'CREATE TABLE tollgate.usage_x PARTITION OF tollgate.usage DEFAULT;',
    'DO $$ BEGIN END $$;',
  )
  expect(plan).toEqual({
    name: '0001_new',
    about: 'A test.',
    statements: 9,
    makes: ['fresh', 'usage_x'],
    touches: [
      { table: 'usage', lock: 'everybody' },
      { table: 'keys', lock: 'everybody' },
      { table: 'secrets', lock: 'none' },
    ],
    blocks: 1,
    destructive: [],
  })
})
