import { expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import { rowText } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { findQuarantined, putAside } from './quarantine.ts'

const current = testDatabase()

test('of a row that is put aside more than once, what is known most of stays', async () => {
  const { database } = current()
  const row = rowAt(systemClock.now(), { revision: 0, input_tokens: 1 })
  const known = async () => JSON.parse((await findQuarantined(database, row.id))?.row ?? '')
  const steps = [
    { revision: 0, input_tokens: 1, stays: 1 },
    { revision: 2, input_tokens: 999, stays: 999 },
    // A journal that is replayed sends the beginning once more.
    { revision: 0, input_tokens: 1, stays: 999 },
    { revision: 2, input_tokens: 1_000, stays: 1_000 },
  ] as const
  for (const { stays, ...step } of steps) {
    await putAside(database.sql, systemClock, [{ row: rowText({ ...row, ...step }), reason: 'no number' }])
    expect((await known()).input_tokens).toBe(stays)
  }
})

test('what is no row at all gives way to one', async () => {
  const { database } = current()
  const row = rowAt(systemClock.now())
  await putAside(database.sql, systemClock, [{ row: { ...rowText(row), json: '{' }, reason: 'torn' }])
  await putAside(database.sql, systemClock, [{ row: rowText(row), reason: 'no number' }])
  expect(await findQuarantined(database, row.id)).toMatchObject({ reason: 'no number', row: rowText(row).json })
})
