import { afterAll, beforeAll, expect, test } from 'vitest'
import { emptyDatabase } from '../e2e/database.ts'
import { externalDatabase, makePlace, type Place } from './command-line.fixture.ts'

let empty: Awaited<ReturnType<typeof emptyDatabase>>
let place: Place

beforeAll(async () => {
  empty = await emptyDatabase()
  place = makePlace(undefined, externalDatabase(empty.address))
})
afterAll(async () => {
  await empty.drop()
  place.remove()
})

test('plans, applies once though two run together, and is then done', async () => {
  const [told, planned, status] = await place.runAll(['migrate --plan', 'migrate --plan --json', 'migrate --status'])
  expect(told?.stdout).toContain('0000_ledger  11 statements\n  The ledger: one row per attempt of a call')
  expect(told?.stdout).toContain('  makes     usage, usage_rows, keys, secrets\n')
  const { pending: names, plan } = JSON.parse(planned?.stdout ?? '')
  expect(names.length).toBeGreaterThan(3)
  expect(plan[0]).toMatchObject({ name: '0000_ledger', statements: 11, touches: [], destroys: [] })
  for (const name of names) expect(status?.stdout).toMatch(new RegExp(`${name} +— +pending`))
  // It was asked what would be.
  expect(await empty.database.sql`SELECT FROM pg_namespace WHERE nspname = 'tollgate'`).toHaveLength(0)

  const both = await Promise.all([place.run('migrate'), place.run('migrate')])
  const applied = both.flatMap(({ stdout }) =>
    [...stdout.matchAll(/^applied {2}(\w+) {2}\d.*s$/gm)].map(([, name]) => name),
  )
  expect(applied.sort()).toEqual(names)
  expect(both.map(({ code }) => code)).toEqual([0, 0])

  const [after, done, nothing, two] = await place.runAll([
    'migrate --json',
    'migrate --status --json',
    'migrate --plan',
    'migrate --plan --status',
  ])
  expect(JSON.parse(after?.stdout ?? '')).toEqual({ applied: [], pending: [] })
  const { applied: rows, pending, newer } = JSON.parse(done?.stdout ?? '')
  expect(rows[0]).toEqual({ name: '0000_ledger', at: expect.stringMatching(/^20.*Z$/), edited: false })
  expect({ count: rows.length, pending, newer }).toEqual({ count: names.length, pending: [], newer: 0 })
  expect(nothing).toMatchObject({ code: 0, stdout: '', stderr: 'The schema is up to date.\n' })
  expect(two?.code).toBe(2)
}, 60_000)
