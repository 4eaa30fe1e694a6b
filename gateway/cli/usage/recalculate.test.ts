import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { UsageLedger } from '../../ledger/usage.ts'
import { externalDatabase, makePlace, type Place } from '../command-line.fixture.ts'

const database = testDatabase()
const from = Date.UTC(2026, 4, 1)
let place: Place

/** Two batches and a half, at a price of nothing. */
const rows = Array.from({ length: 2_500 }, (_, i) =>
  rowAt(from + i * 1_000, {
    ...{ provider: 'openai', model: 'gpt-4o-mini', usage_source: 'provider', price_status: 'free' },
    ...{ input_tokens: 1_000, parts: { input: 1_000 }, cost_nano_usd: 0, charge_nano_usd: 0 },
  }),
)

beforeAll(async () => {
  place = makePlace(undefined, externalDatabase(database().address))
  const ledger = new UsageLedger(database().database, systemClock)
  await ledger.write(rows.map(rowText))
  await ledger.close()
})
afterAll(() => place?.remove())

async function priced(): Promise<number> {
  const [row] = await database().database.sql`
    SELECT count(*)::integer AS rows FROM tollgate.usage WHERE cost_nano_usd > 0`
  return row?.['rows']
}

test('Ctrl-C lets the batch under way end, and tells how far it came; the rest is for another run', {
  timeout: 60_000,
}, async () => {
  const { sql } = database().database
  const held = Promise.withResolvers<void>()
  // Somebody holds a row of the second batch, so that it is under way when it is told to end.
  const holding = sql.begin(async (tx) => {
    await tx`SELECT FROM tollgate.usage WHERE id = ${rows[1_500]?.id ?? ''} FOR UPDATE`
    await held.promise
  })
  const running = place.start('usage recalculate --from 2026-05-01 --yes')
  await expect.poll(priced, { timeout: 30_000 }).toBe(1_000)
  const ended = running.interrupt()
  await new Promise((resolve) => setTimeout(resolve, 300))
  held.resolve()
  await holding
  const { code, stdout, stderr } = await ended
  expect(code).toBe(130)
  expect(stdout).toMatch(/^gpt-4o-mini +openai +2,000 +2,000 +\$0 +\$0.3 /m)
  expect(stderr).toContain('2,000 of 2,000 rows changed')
  expect(stderr).toContain('Interrupted after a batch; run it again for the rest.')
  expect(await priced()).toBe(2_000)

  const again = await place.run('usage recalculate --from 2026-05-01 --yes --json')
  expect(JSON.parse(again.stdout)).toMatchObject({ interrupted: false, rows: 2_500, changed: 500 })
  const audited = await sql`SELECT detail -> 'changed' AS changed FROM tollgate.audit_log ORDER BY id`
  expect(audited.map(({ changed }) => changed)).toEqual([null, 2_000, null, 500])
})
