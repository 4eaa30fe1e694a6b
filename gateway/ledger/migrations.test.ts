import { join } from 'node:path'
import { expect, test } from 'vitest'
import { emptyDatabase } from '../e2e/database.ts'
import { openDatabase } from './database.ts'
import { migrate, pendingMigrations } from './migrations.ts'

const folder = join(import.meta.dirname, '../../migrations')

test('five processes that start together on an empty database apply each migration once', async () => {
  const empty = await emptyDatabase()
  const starting = Array.from({ length: 5 }, () => openDatabase(empty.address))
  try {
    const pending = await pendingMigrations(empty.database, folder)
    expect(pending[0]).toBe('0000_ledger')
    const applied = await Promise.all(starting.map((database) => migrate(database, folder)))
    expect(applied.flat()).toEqual(pending)
    expect(await pendingMigrations(empty.database, folder)).toEqual([])
    expect(await migrate(empty.database, folder)).toEqual([])
  } finally {
    await Promise.all(starting.map((database) => database.close()))
    await empty.drop()
  }
})
