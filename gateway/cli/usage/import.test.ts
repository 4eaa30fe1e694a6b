import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../../e2e/database.ts'
import { externalDatabase, makePlace, type Place, type Running } from '../command-line.fixture.ts'

const database = testDatabase()
const count = 1_200
let place: Place
let gateway: Running

beforeAll(async () => {
  const keys = [{ id: 'batch', secret: 'batch-secret-of-eighteen', org: 'acme' }]
  place = makePlace({ keys, organisations: [{ id: 'acme' }] }, externalDatabase(database().address))
  gateway = place.start('serve')
  await gateway.until('is ready at')
})
afterAll(async () => {
  await gateway?.interrupt()
  place?.remove()
})

const at = new Date().toISOString()
const record = (id: number | string, more: object = {}) =>
  JSON.stringify({ id: String(id), occurred_at: at, key: 'batch', provider: 'openai', model: 'gpt-4o-mini', ...more })
const lines = (some: readonly string[]) => `${some.join('\n')}\n`

function file(name: string, some: readonly string[]): string {
  writeFileSync(join(place.dir, name), lines(some))
  return name
}

async function sums() {
  const [sum] = await database().database.sql`
    SELECT count(*)::int AS rows, sum(total_tokens)::int AS tokens, sum(charge_nano_usd)::float8 AS charge,
      string_agg(DISTINCT dialect || ' ' || org_id, ',') AS kinds FROM tollgate.usage`
  return sum
}

test('takes a file into the ledger, and the same file again changes nothing [S2-15]', async () => {
  const whole = Array.from({ length: count }, (_, n) => record(n, { input_tokens: 100, output_tokens: 10 }))
  const name = file('usage.jsonl', [...whole.slice(0, 700), '', ...whole.slice(700)])
  const dry = await place.run(`usage import ${name} --dry-run`)
  expect(dry).toEqual({ code: 0, stdout: `${count} records in order; nothing was written.\n`, stderr: '' })
  expect(await sums()).toMatchObject({ rows: 0 })

  // 100 × $0.15 and 10 × $0.60 a million, each.
  const there = { rows: count, tokens: count * 110, charge: count * 21_000, kinds: 'ingest acme' }
  const first = await place.run(`usage import ${name}`)
  expect(first).toEqual({ code: 0, stdout: `${count} records taken.\n`, stderr: '' })
  await expect.poll(sums, { timeout: 10_000 }).toEqual(there)

  const again = await place.run('usage import - --json', {}, lines(whole))
  expect(JSON.parse(again.stdout)).toEqual({ records: count, dry_run: false })
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(await sums()).toEqual(there)
}, 60_000)

test('names the lines that are wrong, and takes nothing of their batch nor behind it', async () => {
  const before = await sums()
  const wrong = [
    record('x'),
    'half a li',
    '[]',
    record('y', { occurred_at: '2020-01-01T00:00:00Z' }),
    record('z', { input_tokens: 'many' }),
  ]
  const { code, stderr, stdout } = await place.run(`usage import ${file('wrong.jsonl', wrong)}`)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr.split('\n').map((line) => line.trim())).toEqual([
    expect.stringContaining('there are lines that cannot be taken; 0 records taken'),
    'line 2: is not JSON',
    'line 3: is no JSON object',
    'line 5: input_tokens expected a whole number, 0 to 1000000000',
    'correct them and send the whole file again: what is in already is not counted twice',
    '',
  ])
  const dated = await place.run('usage import - --dry-run', {}, lines([...wrong.slice(0, 1), ...wrong.slice(3, 4)]))
  expect(dated.stderr).toContain('line 2: occurred_at is older than the 90 days that rows are kept')
  expect(await sums()).toEqual(before)
}, 60_000)

test('says so where there is no file, or no gateway', async () => {
  expect(await place.run('usage import missing.jsonl')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('missing.jsonl cannot be read'),
  })
  const elsewhere = { TOLLGATE_DATA_DIR: join(place.dir, 'elsewhere') }
  expect(await place.run('usage import -', elsewhere, lines([record('a')]))).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('no gateway runs on this data directory'),
  })
}, 60_000)
