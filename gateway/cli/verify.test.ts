import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import { rowText } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { encode, letters } from '../journal/records.ts'
import { UsageLedger } from '../ledger/usage.ts'
import { externalDatabase, makePlace, type Place } from './command-line.fixture.ts'

const database = testDatabase()
const at = Date.UTC(2026, 2, 3, 12)
let place: Place

beforeAll(async () => {
  place = makePlace({}, externalDatabase(database().address))
  const ledger = new UsageLedger(database().database, systemClock)
  await ledger.write(
    [
      rowAt(at, { model: 'small', input_tokens: 7, output_tokens: 5, cost_nano_usd: 1_500, price_status: 'exact' }),
      rowAt(at + 3_600_000, { model: '=big', status: 'failed', success: false, price_status: 'missing' }),
    ].map(rowText),
  )
  await ledger.close()
})
afterAll(() => place?.remove())

test('usage query shows a table, CSV or a document; what is unknown is no zero', async () => {
  const query = 'usage query --from 2026-03-01 --to 2026-03-10 --metric requests,tokens,cost --group-by model'
  const [table, csv, json, hours, filtered] = await place.runAll([
    query,
    `${query} --csv`,
    `${query} --json`,
    'usage query --from 2026-03-03T12:00:00Z --to 2026-03-03T14:00:00Z --metric requests --interval hour --tz Asia/Kolkata --csv',
    `${query} --filter model:!=big --filter status:complete --csv`,
  ])
  expect(table?.stdout).toMatch(
    /^MODEL +REQUESTS +TOKENS_TOTAL +COST_USD\n=big +1 +— +—\nsmall +1 +12 +\$0\.0000015\ntotal +2 +12 +\$0\.0000015\n$/,
  )
  expect(csv?.stdout).toBe("model,requests,tokens_total,cost_usd\r\n'=big,1,,\r\nsmall,1,12,0.0000015\n")
  expect(JSON.parse(json?.stdout ?? '')).toMatchObject({
    source: 'rollups',
    totals: { requests: 2, tokens_total: 12, cost_usd: '0.0000015' },
    groups: [{ key: { model: '=big' }, totals: { requests: 1, tokens_total: null, cost_usd: null } }, {}],
  })
  expect(
    hours?.stdout
      .split('\r\n')
      .slice(1)
      .map((line) => line.trim()),
  ).toEqual(['2026-03-03T17:30+05:30,1', '2026-03-03T18:00+05:30,1', '2026-03-03T19:00+05:30,0'])
  expect(filtered?.stdout).toBe('model,requests,tokens_total,cost_usd\r\nsmall,1,12,0.0000015\n')
})

test('usage query refuses what it does not know, with what there is', async () => {
  const said = await place.runAll(
    ['--metric euros', '--group-by colour', '--filter model', '--range soon', '--tz Mars'].map(
      (rest) => `usage query ${rest}`,
    ),
  )
  expect(said.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2])
  expect(said[0]?.stderr).toContain('one of requests')
})

test('usage summary tells four periods', async () => {
  const { stdout } = await place.run('usage summary')
  expect(stdout).toMatch(
    /^PERIOD .*\ntoday +0 +— +— .*\nthis week .*\nthis month .*\nall time +2 +50 % +12 +— +1 +0\n$/,
  )
})

test('verify agrees, names a planted difference, and repairs it', { timeout: 60_000 }, async () => {
  const first = await place.run('verify')
  expect(first).toMatchObject({ code: 0, stdout: '' })
  expect(first.stderr).toContain('journal, rows, sums and budgets agree')
  await database().database
    .sql`UPDATE tollgate.rollups SET input_tokens = input_tokens + 1 WHERE level = 'day' AND input_tokens = 7`
  const second = await place.run('verify --from 2026-03-03 --to 2026-03-04')
  expect(second.code).toBe(1)
  expect(second.stdout).toMatch(
    /^rollups: level=day at=2026-03-03T00:00:00.000Z .*model=small.*: input_tokens: rows say 7, rollups says 8\n$/,
  )
  const [third, fourth] = await place.runAll(['verify --repair', 'verify --json'])
  expect(third).toMatchObject({ code: 0, stdout: '' })
  expect(third?.stderr).toContain('1 difference repaired')
  expect(JSON.parse(fourth?.stdout ?? '')).toMatchObject({
    ...{ agrees: true, interrupted: false, differences: [], late: [], on_their_way: 0, quarantined: [] },
  })
})

test('verify that is interrupted ends after its day, and tells what it saw', async () => {
  const { sql } = database().database
  let verifying: ReturnType<Place['start']> | undefined
  let ended: ReturnType<ReturnType<Place['start']>['ended']> | undefined
  await sql.begin(async (tx) => {
    // It has to wait in the middle of its first day.
    await tx`LOCK TABLE tollgate.users_seen IN ACCESS EXCLUSIVE MODE`
    verifying = place.start('verify --json')
    await expect
      .poll(() => sql`SELECT FROM pg_locks WHERE NOT granted AND relation = 'tollgate.users_seen'::regclass`, {
        timeout: 20_000,
      })
      .toHaveLength(1)
    ended = verifying.interrupt()
    await new Promise((resolve) => setTimeout(resolve, 300))
  })
  const { code, stdout } = (await ended) ?? {}
  expect(code).toBe(130)
  expect(JSON.parse(stdout ?? '')).toMatchObject({ agrees: false, interrupted: true, days: 1, differences: [] })
})

test('verify tells rows of the journal that never arrived from those on their way, and lists the quarantine', async () => {
  const [lost, young] = [rowAt(at), rowAt(systemClock.now())]
  const folder = join(place.dataDir, 'journal')
  mkdirSync(folder, { recursive: true })
  const lines = Buffer.alloc(10_000)
  let end = 0
  for (const row of [lost, young]) end = encode(letters.row, JSON.stringify(row), lines, end)
  writeFileSync(join(folder, `${lost.id}-1.log`), Buffer.concat([lines.subarray(0, end), Buffer.from('torn')]))
  await database().database.sql`
    INSERT INTO tollgate.quarantine (id, quarantined_at, reason, row) VALUES (${uuidV7(at)}, now(), 'too odd', '{}')`
  const { code, stdout, stderr } = await place.run('verify')
  expect(code).toBe(1)
  expect(stdout).toMatch(new RegExp(`^journal: row ${lost.id} is not in the ledger\nquarantine: row \\S+: too odd\n$`))
  expect(stderr).toContain('1 row of the journal on the way to the ledger')
})
