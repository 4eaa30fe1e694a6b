import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { uuidV7 } from '../../domain/id.ts'
import { testDatabase } from '../../e2e/database.ts'
import { CatalogLedger } from './catalog-ledger.ts'
import { insertConnection, removeConnection } from './connections.ts'
import { insertKey, revokeKey } from './keys.ts'

const current = testDatabase()
const patienceMs = 300

let ledger: CatalogLedger | undefined
afterEach(() => ledger?.close())

function open(): CatalogLedger {
  ledger = new CatalogLedger(current().database, patienceMs)
  return ledger
}

test('the rows are of a version that is known again until something changes', async () => {
  const { database } = current()
  const opened = open()
  const secretSha256 = Buffer.alloc(32, 1).toString('base64')
  await insertKey(database, systemClock, { slug: 'dev', secretSha256, hint: 'h', orgId: 'default', models: ['*'] })
  await insertConnection(database, systemClock, { id: uuidV7(systemClock.now()), slug: 'main', provider: 'compatible' })
  const rows = await opened.rows()
  expect(rows.keys.map(({ slug }) => slug)).toEqual(['dev'])
  expect(rows.connections.map(({ slug }) => slug)).toEqual(['main'])
  expect(rows.keys[0]?.createdAt).toBeInstanceOf(Date)
  expect(await opened.version()).toBe(rows.version)

  await revokeKey(database, systemClock, 'dev')
  await removeConnection(database, systemClock, 'main')
  expect(await opened.version()).toBe(rows.version + 2n)
  expect(await opened.rows()).toEqual({ version: rows.version + 2n, keys: [], connections: [], overrides: [] })
})

test('a server that says nothing is given up, and asked again by another session', async () => {
  const { database } = current()
  const opened = open()
  await opened.version()
  const holder = database.client(1)
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const locked = Promise.withResolvers<void>()
  const holding = holder.begin(async (tx) => {
    await tx`LOCK TABLE tollgate.catalog_state IN ACCESS EXCLUSIVE MODE`
    locked.resolve()
    await held
  })
  await locked.promise
  const startedMs = systemClock.elapsed()
  await expect(opened.version()).rejects.toThrow(`PostgreSQL did not answer within ${patienceMs} ms.`)
  await expect(opened.rows()).rejects.toThrow('did not answer')
  expect(systemClock.elapsed() - startedMs).toBeLessThan(4 * patienceMs)
  release()
  await holding
  expect(await opened.version()).toBeTypeOf('bigint')
  await holder.end()
})

test('a question that is not answered is ended by closing', async () => {
  const opened = new CatalogLedger(current().database, 60_000)
  await opened.version()
  const holder = current().database.client(1)
  const locked = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const holding = holder.begin(async (tx) => {
    await tx`LOCK TABLE tollgate.catalog_state IN ACCESS EXCLUSIVE MODE`
    locked.resolve()
    await release.promise
  })
  await locked.promise
  const asked = expect(opened.version()).rejects.toThrow()
  await opened.close()
  await asked
  release.resolve()
  await holding
  await holder.end()
})
