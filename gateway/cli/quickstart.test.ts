import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { testDatabase } from '../e2e/database.ts'
import { firstKey } from '../first-key.ts'
import { revokeKey } from '../ledger/configured/keys.ts'
import { externalDatabase, makePlace, type Place } from './command-line.fixture.ts'

const database = testDatabase()
const masterKey = Buffer.alloc(32, 7)
let place: Place

beforeAll(() => {
  place = makePlace(undefined, { ...externalDatabase(database().address), PORT: '9' })
})
afterAll(() => place.remove())

test('says in words when the file declares the keys', async () => {
  const secret = 'dev-secret-of-eighteen-or-more'
  const declared = makePlace(
    {
      keys: [
        { id: 'dev', secret },
        { id: 'ops', secret: `${secret}-2` },
      ],
    },
    { PORT: '9' },
  )
  try {
    const { code, stdout } = await declared.run('quickstart')
    expect(stdout).toContain(`${join(declared.dir, 'tollgate.yaml')} declares the keys: dev, ops.`)
    expect(stdout).toContain('curl -N http://127.0.0.1:9/v1/chat/completions')
    expect(stdout).toContain('"authorization: Bearer $TOLLGATE_KEY"')
    expect(stdout).not.toContain(secret)
    expect(code).toBe(0)
  } finally {
    declared.remove()
  }
})

test('on a database of its own: no key before a start, then the key, and nothing under another master key', async () => {
  const none = await place.run('quickstart')
  expect(none.stderr).toContain('error: there is no first key\n')
  expect(none.code).toBe(3)

  const { secret } = await firstKey(database().database, [masterKey], systemClock)
  const shown = await place.run('quickstart')
  expect(shown.stdout).toContain(`your key   ${secret}\n`)
  expect(shown.code).toBe(0)

  const other = await place.run('quickstart', { TOLLGATE_MASTER_KEY: Buffer.alloc(32, 8).toString('base64') })
  expect(other.stderr).toMatch(
    /^error: the first key cannot be opened\n {2}sealed under master key .*\n {2}set TOLLGATE_MASTER_KEY/,
  )
  expect({ code: other.code, stdout: other.stdout }).toEqual({ code: 1, stdout: '' })

  await revokeKey(database().database, systemClock, 'first')
  const revoked = await place.run('quickstart')
  expect(revoked.stderr).toContain('error: the first key was revoked\n')
  expect(revoked.code).toBe(3)
})
