import { expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { uuidV7 } from '../../domain/id.ts'
import { testDatabase } from '../../e2e/database.ts'
import { catalogVersion } from './catalog-state.ts'
import {
  findConnection,
  insertConnection,
  listConnections,
  type NewConnection,
  removeConnection,
  updateConnection,
} from './connections.ts'
import { insertKey, revokeKey } from './keys.ts'

const current = testDatabase()

function newConnection(slug: string, more: Partial<NewConnection> = {}): NewConnection {
  return { id: uuidV7(systemClock.now()), slug, provider: 'compatible', ...more }
}

const insert = (connection: NewConnection) => insertConnection(current().database, systemClock, connection)
const version = () => catalogVersion(current().database.sql)

test('a connection comes back as it went in, and what was left out has the defaults of the file', async () => {
  const { database } = current()
  const whole = newConnection('whole', {
    name: 'Main account',
    baseUrl: 'https://api.example.com/v1',
    sealedApiKey: 'v1.a.b.c.d',
    keyHint: '…cdef',
    apiVersion: '2026-10-21',
    headers: { 'x-team': 'blue' },
    priority: -5,
    weight: 0.5,
    models: ['gpt-*', { best: 'gpt-5' }],
    status: 'draining',
    limits: { rpm: 500, concurrency: 5 },
    allowPrivateNetwork: true,
  })
  const stored = await insert(whole)
  expect(stored).toMatchObject({ ...whole, deletedAt: null })
  expect(await findConnection(database, 'whole')).toEqual(stored)
  expect(await insert(newConnection('plain'))).toMatchObject({
    name: null,
    baseUrl: null,
    sealedApiKey: null,
    headers: {},
    priority: 10,
    weight: 1,
    models: ['*'],
    status: 'active',
    limits: {},
    allowPrivateNetwork: false,
  })
  expect((await listConnections(database)).map(({ slug }) => slug)).toEqual(['whole', 'plain'])
})

test('a slug is taken until its connection is removed, and then names another', async () => {
  const { database } = current()
  const first = await insert(newConnection('main', { sealedApiKey: 'v1.a.b.c.d' }))
  expect(await insert(newConnection('main'))).toBeUndefined()
  expect(await removeConnection(database, systemClock, 'main')).toBe(true)
  expect(await removeConnection(database, systemClock, 'main')).toBe(false)
  expect(await findConnection(database, 'main')).toBeUndefined()
  const second = await insert(newConnection('main'))
  expect((await findConnection(database, 'main'))?.id).toBe(second?.id)
  const [row] = await database.sql`
    SELECT slug, sealed_api_key AS sealed, deleted_at IS NOT NULL AS gone
    FROM tollgate.connections WHERE id = ${first?.id ?? ''}
  `
  expect(row).toEqual({ slug: 'main', sealed: null, gone: true })
})

test('a patch changes what it names and nothing else', async () => {
  const { database } = current()
  const before = await insert(newConnection('patched', { limits: { rpm: 5 }, apiVersion: '1' }))
  const after = await updateConnection(database, systemClock, 'patched', {
    status: 'inactive',
    priority: 3,
    limits: {},
    apiVersion: null,
  })
  const changes = { status: 'inactive', priority: 3, limits: {}, apiVersion: null }
  expect(after).toEqual({ ...before, ...changes, updatedAt: after?.updatedAt })
  expect(await updateConnection(database, systemClock, 'nobody', { priority: 1 })).toBeUndefined()
})

test.each([
  { slug: 'Not a slug' },
  { sealedApiKey: 'sk-in-the-clear' },
  { weight: 0 },
  { status: 'resting' as 'active' },
])('the table refuses what cannot be served: %o', async (wrong) => {
  await expect(insert(newConnection('refused', wrong))).rejects.toThrow()
})

test('every change of keys and connections makes another version, also one by hand', async () => {
  const { database } = current()
  const key = {
    slug: 'dev',
    secretSha256: Buffer.alloc(32, 1).toString('base64'),
    hint: 'h',
    orgId: 'o',
    models: ['*'],
  }
  const changes: readonly (() => Promise<unknown>)[] = [
    () => insertKey(database, systemClock, key),
    () => revokeKey(database, systemClock, 'dev'),
    () => insert(newConnection('noted')),
    () => updateConnection(database, systemClock, 'noted', { weight: 2 }),
    () => removeConnection(database, systemClock, 'noted'),
    () => database.sql`UPDATE tollgate.connections SET priority = 1`,
    () => database.sql`DELETE FROM tollgate.connections`,
    () => database.sql`TRUNCATE tollgate.keys`,
  ]
  let before = await version()
  for (const change of changes) {
    await change()
    const after = await version()
    expect(after).toBeGreaterThan(before)
    before = after
  }
})

test('a change that is not committed is not to be seen, and of many at once none is missed', async () => {
  const { database } = current()
  const before = await version()
  await database.sql
    .begin(async (tx) => {
      await tx`UPDATE tollgate.keys SET hint = 'x'`
      expect(await version()).toBe(before)
      throw new Error('no')
    })
    .catch(() => {})
  expect(await version()).toBe(before)
  await Promise.all(Array.from({ length: 20 }, (_, i) => insert(newConnection(`many-${i}`))))
  expect(await version()).toBe(before + 20n)
})

test('without its row the version begins anew', async () => {
  const { database } = current()
  await database.sql`DELETE FROM tollgate.catalog_state`
  expect(await version()).toBe(0n)
  await insert(newConnection('anew'))
  expect(await version()).toBe(1n)
})
