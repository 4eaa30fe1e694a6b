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
  const plan = await place.run('migrate --plan')
  const names = [...plan.stdout.matchAll(/^pending {2}(\w+)$/gm)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(0)
  expect(plan.code).toBe(0)
  const status = await place.run('migrate --status --json')
  expect(JSON.parse(status.stdout)).toEqual({ applied: [], pending: names })

  const both = await Promise.all([place.run('migrate'), place.run('migrate')])
  const applied = both.flatMap(({ stdout }) => [...stdout.matchAll(/^applied {2}(\w+)$/gm)].map(([, name]) => name))
  expect(applied).toEqual(names)
  expect(both.map(({ code }) => code)).toEqual([0, 0])

  const after = await place.run('migrate --json')
  expect(JSON.parse(after.stdout)).toEqual({ applied: [], pending: [] })
})
