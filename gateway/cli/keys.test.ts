import { hash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { emptyDatabase, testDatabase } from '../e2e/database.ts'
import { insertKey } from '../ledger/configured/keys.ts'
import { externalDatabase, makePlace, type Place } from './command-line.fixture.ts'

const database = testDatabase()
const secret = 'dev-secret-of-eighteen-or-more'
let place: Place

beforeAll(async () => {
  const keys = [
    { id: 'dev', secret, user: 'ana', models: ['gpt-*'], limits: { rpm: 60 }, track_usage: false },
    { id: 'old', secret: `${secret}-old`, expires_at: '2020-01-01' },
  ]
  place = makePlace({ keys }, externalDatabase(database().address))
  const stored = { hint: 'sk-tg-0123456789…wxyz', orgId: 'acme', models: ['*'], limits: { tpm: 1_000_000 } }
  await insertKey(database().database, systemClock, {
    ...stored,
    slug: 'ops',
    secretSha256: hash('sha256', 'ops', 'base64'),
  })
  // Declared as well: what the file declares, the file owns.
  await insertKey(database().database, systemClock, {
    ...stored,
    slug: 'dev',
    secretSha256: hash('sha256', 'dev', 'base64'),
  })
})
afterAll(() => place.remove())

test('lists what is declared and what is stored, with hints and without secrets', async () => {
  const [said, asked] = await place.runAll(['keys list', 'keys list --json'])
  const stdout = said?.stdout ?? ''
  const [head, ...rows] = stdout.trimEnd().split('\n')
  expect(head).toMatch(/^ID +SECRET +ORG +USER +MODELS +LIMITS +TRACK +EXPIRES +SOURCE$/)
  expect(rows).toHaveLength(3)
  expect(rows[0]).toMatch(/^dev +— +default +ana +gpt-\* +60 rpm +off +never +file$/)
  expect(rows[1]).toMatch(/^old +— .* 2020-01-01T00:00:00\.000Z \(expired\) +file$/)
  expect(rows[2]).toMatch(/^ops +sk-tg-0123456789…wxyz +acme +— +\* +1,000,000 tpm +inherit +never +ledger$/)
  expect(said).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(asked?.stdout ?? '').keys[0]).toEqual({
    id: 'dev',
    hint: null,
    org: 'default',
    user: 'ana',
    feature: null,
    models: ['gpt-*'],
    limits: { rpm: 60 },
    allow_client_identity: false,
    track_usage: false,
    expires_at: null,
    expired: false,
    source: 'file',
  })
  expect(`${stdout}${asked?.stdout}`).not.toContain(secret)
})

test('before the first start there is what is declared', async () => {
  const fresh = makePlace({ keys: [{ id: 'dev', secret }] })
  try {
    const { code, stdout } = await fresh.run('keys list')
    expect(stdout).toMatch(/\ndev .* file\n$/)
    expect(code).toBe(0)
  } finally {
    fresh.remove()
  }
})

test('a database that does not answer is 5, one without our schema says what to do', async () => {
  const away = await place.run('keys list', { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' })
  expect(away.stderr).toMatch(/^error: PostgreSQL does not answer at 127\.0\.0\.1:1 /)
  expect(away.code).toBe(5)
  const empty = await emptyDatabase()
  try {
    const { code, stderr } = await place.run('keys list', externalDatabase(empty.address))
    expect(stderr).toContain('tollgate migrate')
    expect(code).toBe(1)
  } finally {
    await empty.drop()
  }
})
