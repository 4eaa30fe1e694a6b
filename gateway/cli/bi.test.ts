import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../e2e/database.ts'
import { makeLogin, type TestLogin } from '../e2e/logins.ts'
import { externalDatabase, makePlace, type Place } from './command-line.fixture.ts'

const current = testDatabase()
let place: Place
let login: TestLogin

beforeAll(async () => {
  place = makePlace(undefined, externalDatabase(current().address))
  login = await makeLogin(current(), [])
})
afterAll(async () => {
  await login?.drop()
  place?.remove()
})

test('lets a login see organisations, lists it, takes them back, and writes all that down', async () => {
  const { name } = login
  const lines = [
    `bi grant ${name} --org acme,rival`,
    `bi grant ${name} --org acme --json`,
    'bi list',
    `bi revoke ${name} --org rival --json`,
    'bi list --json',
    `bi revoke ${name} --all`,
    `bi revoke ${name} --all`,
    'bi list',
  ]
  const [first, again, table, less, listed, none, nothing, empty] = await place.runAll(lines)
  expect(first).toMatchObject({ code: 0, stdout: '', stderr: `${name} may see acme, rival.\n` })
  expect(JSON.parse(again?.stdout ?? '')).toEqual({ login: name, orgs: ['acme'], changed: false, missing: null })
  expect(table?.stdout).toMatch(new RegExp(`${name} +acme, rival +—`))
  expect(JSON.parse(less?.stdout ?? '')).toEqual({ login: name, orgs: ['rival'], all: false, changed: true })
  expect(JSON.parse(listed?.stdout ?? '')).toEqual({ logins: [{ login: name, orgs: ['acme'], missing: null }] })
  expect(none?.code).toBe(0)
  expect(nothing?.code).toBe(3)
  expect(empty?.stdout).toBe('')
  const entries = await current().database.sql`SELECT action, detail FROM tollgate.audit_log ORDER BY at, id`
  expect(entries).toEqual([
    { action: 'bi_access.granted', detail: { orgs: ['acme', 'rival'] } },
    { action: 'bi_access.revoked', detail: { orgs: ['rival'] } },
    { action: 'bi_access.revoked', detail: { orgs: ['acme'] } },
  ])
  // The membership was given with the first grant, and is worth nothing without a row.
  expect(await login.database.sql`SELECT FROM tollgate.usage_rows`).toHaveLength(0)
})

test('prints what an administrator has to run where the login is not there, or may not be let in by us', async () => {
  const absent = await place.run('bi grant No"body --all-orgs')
  expect(absent.code).toBe(0)
  expect(absent.stdout).toBe(`CREATE ROLE "No""body" LOGIN PASSWORD '…'; GRANT tollgate_bi TO "No""body";\n`)
  const plain = await makeLogin(current(), ['tollgate_owner', 'tollgate_ingest', 'tollgate_app'])
  const other = await makeLogin(current(), [])
  try {
    const said = await place.run(`bi grant ${other.name} --org acme`, externalDatabase(plain.address))
    expect(said).toMatchObject({ code: 0, stdout: `GRANT tollgate_bi TO "${other.name}";\n` })
  } finally {
    await plain.drop()
    await other.drop()
  }
})

test('wants to know whose usage, and takes nobody by the name of everybody', async () => {
  const lines = ['bi grant ana', 'bi grant ana --org *', 'bi grant ana --org a --all-orgs', `bi list ${'x'.repeat(9)}`]
  const revokes = ['bi revoke ana', 'bi revoke ana --org a --all', 'bi revoke ana --all-orgs']
  for (const said of await place.runAll([...lines, ...revokes, `bi grant ${'x'.repeat(64)} --org a`]))
    expect(said.code).toBe(2)
})
