import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { testDatabase } from '../../e2e/database.ts'
import { findKey, insertKey, listKeys, type NewKey, revokeKey } from './keys.ts'
import { findSecret, keepSecret, replaceSecret } from './secrets.ts'

const current = testDatabase()

function newKey(slug: string, over: Partial<NewKey> = {}): NewKey {
  const secretSha256 = createHash('sha256').update(slug).digest('base64')
  return { slug, secretSha256, hint: `sk-tg-${slug}-…`, orgId: 'acme', models: ['*'], ...over }
}

test('a key comes back as it went in', async () => {
  const { database } = current()
  const key = newKey('whole', {
    userId: 'ana',
    feature: 'search',
    models: ['gpt-*', 'a"b,{c}'],
    allowClientIdentity: true,
    limits: { rpm: 60, tpm: 100_000 },
    expiresAt: new Date('2027-01-01T00:00:00Z'),
  })
  const stored = await insertKey(database, systemClock, key)
  expect(stored).toMatchObject({ ...key, revokedAt: null })
  expect(Math.abs((stored?.createdAt.getTime() ?? 0) - systemClock.now())).toBeLessThan(5_000)
  expect(await findKey(database, 'whole')).toEqual(stored)
  expect(await findKey(database, 'missing')).toBeUndefined()
})

test('a slug or a secret that is taken is not taken twice', async () => {
  const { database } = current()
  const first = await insertKey(database, systemClock, newKey('once'))
  expect(first).toMatchObject({ userId: null, feature: null, limits: {}, allowClientIdentity: false, expiresAt: null })
  expect(await insertKey(database, systemClock, { ...newKey('other'), slug: 'once' })).toBeUndefined()
  expect(await insertKey(database, systemClock, { ...newKey('once'), slug: 'another' })).toBeUndefined()
  expect((await listKeys(database)).filter(({ slug }) => slug === 'once' || slug === 'another')).toEqual([first])
})

test('a secret in the clear is refused by the table', async () => {
  const clear = { ...newKey('clear'), secretSha256: 'sk-tg-clear-secret' }
  await expect(insertKey(current().database, systemClock, clear)).rejects.toThrow()
})

test('a revoked key is listed no more, but remembered', async () => {
  const { database } = current()
  await insertKey(database, systemClock, newKey('gone'))
  expect(await revokeKey(database, systemClock, 'gone')).toBe(true)
  expect(await revokeKey(database, systemClock, 'gone')).toBe(false)
  expect((await listKeys(database)).map(({ slug }) => slug)).not.toContain('gone')
  expect((await findKey(database, 'gone'))?.revokedAt).toBeInstanceOf(Date)
})

test('of several processes that make the same secret, all keep the one that was first', async () => {
  const { database } = current()
  const kept = await Promise.all(['a', 'b', 'c', 'd'].map((sealed) => keepSecret(database, 'pepper', sealed)))
  expect(new Set(kept).size).toBe(1)
  expect(await findSecret(database, 'pepper')).toBe(kept[0])
  await replaceSecret(database, 'pepper', 'sealed anew')
  expect(await findSecret(database, 'pepper')).toBe('sealed anew')
  expect(await findSecret(database, 'unknown')).toBeUndefined()
})
