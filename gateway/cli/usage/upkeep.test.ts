import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { dayMs, dayOf } from '../../domain/day.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { UsageLedger } from '../../ledger/usage.ts'
import { externalDatabase, makePlace, type Place } from '../command-line.fixture.ts'

const database = testDatabase()
const now = systemClock.now()
const before = dayOf(now - 30 * dayMs)
/** Gives a command a terminal; that of util-linux. */
const terminal = '/usr/bin/script'
const hasTerminals = spawnSync(terminal, ['--version']).status === 0
let place: Place

beforeAll(async () => {
  place = makePlace(undefined, externalDatabase(database().address))
  const ledger = new UsageLedger(database().database, systemClock)
  const rows = [31, 31, 40].flatMap((day) =>
    Array.from({ length: 5 }, (_, i) => rowAt(now - day * dayMs - i, { user_id: 'ana', charge_nano_usd: 5 })),
  )
  await ledger.write([...rows, rowAt(now), rowAt(now, { http_status: 'teapot' as never })].map(rowText))
  await ledger.close()
})
afterAll(() => place?.remove())

async function rowsThere(): Promise<number> {
  const [row] = await database().database.sql<{ rows: number }[]>`SELECT count(*)::int AS rows FROM tollgate.usage`
  return row?.rows ?? -1
}

/** Runs it on a terminal, and types this. */
function onTerminal(line: string, typed: string): { readonly code: number | null; readonly said: string } {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const env = { PATH: process.env['PATH'], TOLLGATE_DATA_DIR: place.dataDir, ...externalDatabase(database().address) }
  const command = `${process.execPath} ${main} ${line}`
  const { status, stdout } = spawnSync(terminal, ['-qec', command, '/dev/null'], { input: typed, env, cwd: place.dir })
  return { code: status, said: stdout.toString() }
}

test('cleanup says what it would delete, with ten rows, and deletes nothing', async () => {
  const [dry, json, none, refused, odd] = await place.runAll([
    'usage cleanup --dry-run',
    'usage cleanup --dry-run --json',
    'usage cleanup --days 50',
    'usage cleanup',
    'usage cleanup --days 0',
  ])
  const among = 'Among them are rows that settings.retention.rows_days (90) would keep longer.\n'
  expect(dry).toMatchObject({ code: 0, stderr: `${among}Nothing was deleted.\n` })
  const oldest = dayOf(now - 40 * dayMs)
  expect(dry?.stdout).toMatch(
    new RegExp(`^15 rows older than ${before}, of ${oldest} to [\\d-]+, about [\\d.]+ [kM]B\\. The oldest:\n`),
  )
  expect(dry?.stdout.match(/ana/g)).toHaveLength(10)
  expect(JSON.parse(json?.stdout ?? '')).toMatchObject({
    ...{ dry_run: true, interrupted: false, before, rows: 15, deleted_rows: 0, sample: { length: 10 } },
  })
  expect(none).toEqual({ code: 0, stdout: '', stderr: 'No usage rows older than 50 days.\n' })
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused?.stderr).toContain(`15 rows older than ${before} (about`)
  expect(odd?.code).toBe(2)
  expect(await rowsThere()).toBe(16)
})

test.runIf(hasTerminals)('cleanup asks on a terminal, and takes no for an answer', async () => {
  const { code, said } = onTerminal('usage cleanup', 'n\n')
  expect(said).toMatch(
    new RegExp(`Delete 15 rows older than ${before} \\(about [\\d.]+ [kM]B\\)\\? Rollups are kept\\. \\[y/N\\]`),
  )
  expect(said).toContain('Nothing was deleted.')
  expect(code).toBe(2)
  expect(await rowsThere()).toBe(16)
  const agreed = onTerminal('usage cleanup --days 35', 'y\n')
  expect(agreed.said).toMatch(/Deleted 5 rows older than [\d-]+, [\d.]+ [kM]B\. Rollups are kept\./)
  expect(agreed.code).toBe(0)
})

test('cleanup with --yes deletes what it counted, keeps the sums and writes it down', async () => {
  const counted = (await rowsThere()) - 1
  const said = await place.run('usage cleanup --yes')
  expect(said).toMatchObject({ code: 0, stdout: '' })
  expect(said.stderr).toMatch(
    new RegExp(`Deleted ${counted} rows older than ${before}, [\\d.]+ [kM]B\\. Rollups are kept\\.\n$`),
  )
  expect(await rowsThere()).toBe(1)
  const [sums] = await database().database.sql`SELECT sum(rows)::int AS rows FROM tollgate.rollups WHERE level = 'day'`
  expect(sums).toEqual({ rows: 16 })
  const [entry] = await database().database.sql`
    SELECT detail FROM tollgate.audit_log WHERE action = 'usage.cleanup_ended' ORDER BY id DESC LIMIT 1`
  expect(entry).toMatchObject({ detail: { before, rows: counted } })
})

test('quarantine lists, shows, tries again and throws away', async () => {
  const listed = await place.run('usage quarantine list --json')
  const { total, rows } = JSON.parse(listed.stdout)
  expect({ total, rows }).toMatchObject({ total: 1, rows: [{ reason: expect.stringContaining('teapot') }] })
  const { id } = rows[0]
  const [table, shown, replayed, refused, dry, dropped, empty, gone] = await place.runAll([
    'usage quarantine list',
    `usage quarantine show ${id}`,
    'usage quarantine replay',
    `usage quarantine drop ${id}`,
    `usage quarantine drop ${id} --dry-run --json`,
    `usage quarantine drop ${id} --yes --json`,
    'usage quarantine list',
    `usage quarantine show ${id}`,
  ])
  expect(table?.stdout).toContain(id)
  expect(JSON.parse(shown?.stdout ?? '')).toMatchObject({ id, http_status: 'teapot' })
  expect(replayed).toEqual({ code: 0, stdout: '', stderr: '0 rows went in, 1 left.\n' })
  expect([refused?.code, dropped?.code, gone?.code]).toEqual([2, 0, 3])
  expect(JSON.parse(dry?.stdout ?? '')).toEqual({ dry_run: true, id })
  expect(JSON.parse(dropped?.stdout ?? '')).toEqual({ dry_run: false, id })
  expect(empty?.stderr).toBe('No rows are in quarantine.\n')
})

test('purge wants one identity and a yes, and says what it changed', async () => {
  const ledger = new UsageLedger(database().database, systemClock)
  await ledger.write([rowText(rowAt(now, { user_id: 'bo' }))])
  await ledger.close()
  const [nobody, two, refused, dry, told, done, again] = await place.runAll([
    'usage purge',
    'usage purge --user bo --key dev',
    'usage purge --user bo',
    'usage purge --user bo --org acme --dry-run',
    'usage purge --user bo --dry-run --json',
    'usage purge --user bo --org acme --yes',
    'usage purge --user bo --yes --json',
  ])
  expect([nobody?.code, two?.code, refused?.code]).toEqual([2, 2, 2])
  expect(dry).toEqual({ code: 0, stdout: '', stderr: '1 row would be changed. Nothing was.\n' })
  expect(JSON.parse(told?.stdout ?? '')).toEqual({ dry_run: true, rows: 1 })
  expect(done?.stderr).toContain('Changed 1 row, 1 series of sums, 0 rows in quarantine.')
  expect(JSON.parse(again?.stdout ?? '')).toMatchObject({ dry_run: false, interrupted: false, rows: 0, series: 0 })
})
