import { afterAll, beforeAll, expect, test } from 'vitest'
import { externalDatabase, makePlace, type Place } from '../cli/command-line.fixture.ts'
import { systemClock } from '../domain/clock.ts'
import { insertKey, listKeys } from '../ledger/configured/keys.ts'
import { testDatabase } from './database.ts'
import { secret, startGateway, type TestGateway } from './gateway.ts'
import { makeLogin, type TestLogin } from './logins.ts'

/**
 * The whole product in the name of a login that has nothing of its own and inherits nothing: whatever is asked of the
 * database outside of a role fails here.
 */

const current = testDatabase()
const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }
let login: TestLogin
let gateway: TestGateway
let place: Place

beforeAll(async () => {
  login = await makeLogin(current(), ['tollgate_owner', 'tollgate_ingest', 'tollgate_app'], 'NOINHERIT')
  gateway = await startGateway({ address: login.address, database: current().database }, {})
  place = makePlace(undefined, externalDatabase(login.address))
})
afterAll(async () => {
  await gateway?.close()
  place?.remove()
  await login?.drop()
})

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${gateway.url}${path}`, { ...init, headers })
}

test('serves calls, writes their rows, and tells the caller of them', async () => {
  const body = JSON.stringify({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'Hi' }] })
  const answer = await ask('/v1/chat/completions', { method: 'POST', body })
  expect(answer.status).toBe(200)
  await answer.text()
  expect(await gateway.rowsOf(answer)).toMatchObject([{ status: 'complete', org_id: 'default' }])
  const usage = (await (await ask('/v1/me/usage')).json()) as { readonly totals?: { readonly requests?: number } }
  expect(usage.totals?.requests).toBe(1)
  expect((await ask(`/v1/me/requests/${answer.headers.get('x-request-id')}`)).status).toBe(200)
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)
})

test('keeps what is configured', async () => {
  const { database } = login
  const key = { slug: 'stored', secretSha256: `${'k'.repeat(43)}=`, hint: 'tg-', orgId: 'acme', models: ['*'] }
  expect(await insertKey(database, systemClock, key)).toMatchObject({ slug: 'stored' })
  expect(await listKeys(database)).toHaveLength(1)
})

test.each([
  'migrate',
  'migrate --plan',
  'migrate --status',
  'keys list',
  'connections list',
  'usage tail --once',
  'bi list',
  'prices show --unpriced',
  'usage recalculate --dry-run --from 2026-11-01',
])('runs tollgate %s', async (line) => {
  const said = await place.run(line)
  expect({ ...said, stdout: '' }).toMatchObject({ code: 0 })
})

test('one that was let act as none of the roles is told what an administrator can do about it', async () => {
  const stranger = await makeLogin(current(), [])
  try {
    const said = await place.run('migrate', externalDatabase(stranger.address))
    expect(said.code).toBe(1)
    expect(said.stderr).toContain(
      `Have an administrator run: GRANT tollgate_owner, tollgate_ingest, tollgate_app TO "${stranger.name}";`,
    )
    const start = await place.run('serve', externalDatabase(stranger.address))
    expect(start.code).toBe(1)
    expect(start.stderr).toContain('Have an administrator run: GRANT tollgate_owner')
  } finally {
    await stranger.drop()
  }
})
