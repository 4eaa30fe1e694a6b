import { rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import { rowText } from '../domain/usage-row.ts'
import { emptyDatabase, testDatabase } from '../e2e/database.ts'
import { journal, standing } from '../health-document.fixture.ts'
import { healthDocument } from '../health-document.ts'
import { claimDataDir } from '../ledger/data-dir.ts'
import { UsageLedger } from '../ledger/usage.ts'
import { externalDatabase, makePlace, type Place } from './command-line.fixture.ts'

const database = testDatabase()
let place: Place
beforeAll(() => {
  place = makePlace({
    connections: [
      {
        id: 'local',
        provider: 'compatible',
        base_url: 'http://127.0.0.1:11434/v1',
        allow_private_network: true,
        models: ['nobody-sells-this', 'gpt-4o-mini', 'pattern-*'],
      },
    ],
  })
})
afterAll(() => place.remove())

interface Found {
  readonly name: string
  readonly status: string
  readonly found: string
  readonly fix: string | null
}

async function examined(env: Readonly<Record<string, string>> = {}) {
  const { code, stdout } = await place.run('doctor --json', env)
  const document: { readonly ok: boolean; readonly checks: readonly Found[] } = JSON.parse(stdout)
  const check = (name: string) => document.checks.find((each) => each.name === name)
  return { code, ok: document.ok, check, names: document.checks.map(({ name }) => name), said: stdout }
}

test('before the first start nothing is wrong; a model without a price is a warning that names it', async () => {
  const { code, ok, check, names } = await examined()
  expect(names).toEqual(['configuration', 'data directory', 'disk', 'database', 'port', 'gateway', 'prices'])
  expect(check('prices')).toEqual({
    name: 'prices',
    status: 'warning',
    found: 'none for nobody-sells-this (local)',
    fix: expect.stringContaining('default_price_usd_per_mtok'),
  })
  expect(check('database')).toMatchObject({ status: 'ok', fix: null })
  expect({ code, ok }).toEqual({ code: 0, ok: true })
})

test('a configuration with mistakes is told whole, and the rest is left', async () => {
  const { code, stdout, stderr } = await place.run('doctor', { PORT: 'http', TOLLGATE_TIMEZONE: 'Mars' })
  expect(stdout).toMatch(/^✗ configuration +2 mistakes\n +PORT: .*\n +TOLLGATE_TIMEZONE: .*\n +→ correct it; .*\n$/)
  expect(stderr).toBe('\n1 thing to repair.\n')
  expect(code).toBe(1)
})

test('a port that another program has fails, a gateway with other data is named', async () => {
  const answers = ['{}', JSON.stringify({ status: 'ok', version: '9.9.9' })]
  const server = createServer((_, response) => response.end(answers.shift()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const stranger = await examined({ PORT: `${port}` })
    expect(stranger.check('port')).toMatchObject({ status: 'failed', fix: 'stop it, or set PORT' })
    expect(stranger.check('port')?.found).toContain('another program')
    expect(stranger.code).toBe(1)
    const other = await examined({ PORT: `${port}` })
    expect(other.check('port')?.found).toContain('another Tollgate (9.9.9)')
  } finally {
    server.close()
  }
})

test('a gateway with rows that wait, and a connection that rests, is a warning that names both', async () => {
  const late = { ...standing, journal: { ...journal, pendingRows: 7, oldestPendingMs: 240_000.5 } }
  const away = { ...late, database: { kind: 'external', reachable: false, problem: 'it does not answer' } }
  const server = createServer((_, response) => response.end(JSON.stringify(healthDocument(away))))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const { check, code } = await examined({ TOLLGATE_URL: `http://127.0.0.1:${port}` })
    const found = '7 rows on the way to the ledger, for 4 min'
    expect(check('journal')).toMatchObject({ status: 'warning', found })
    expect(check('connections')).toMatchObject({ status: 'warning', found: 'resting: main (credential)' })
    expect(check('its database')).toMatchObject({ status: 'warning', found: 'it does not answer' })
    expect(code).toBe(0)
  } finally {
    server.close()
  }
})

test('looks at everything though much of it fails, and tells no password', async () => {
  writeFileSync(place.dataDir, 'a file')
  try {
    const { code, ok, check, said } = await examined({
      DATABASE_URL: 'postgres://ana:hunter2hunter2@127.0.0.1:1/x',
      TOLLGATE_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      TOLLGATE_URL: 'http://127.0.0.1:1',
      HOST: '192.0.2.1',
      PORT: '8080',
    })
    expect(check('data directory')).toMatchObject({
      status: 'failed',
      fix: expect.stringContaining('TOLLGATE_DATA_DIR'),
    })
    expect(check('database')?.found).toContain('PostgreSQL does not answer at 127.0.0.1:1')
    expect(check('port')).toMatchObject({ status: 'failed', found: expect.stringContaining('EADDRNOTAVAIL') })
    expect(check('gateway')).toMatchObject({ status: 'failed', found: 'no gateway answers at http://127.0.0.1:1' })
    expect(check('prices')).toBeDefined()
    expect(said).not.toContain('hunter2')
    expect({ code, ok }).toEqual({ code: 1, ok: false })
  } finally {
    rmSync(place.dataDir)
  }
})

test('a schema that is behind is a warning that says how to bring it up to date', async () => {
  const empty = await emptyDatabase()
  try {
    const env = externalDatabase(empty.address)
    const { code, check } = await examined({ ...env } as Record<string, string>)
    expect(check('schema')).toMatchObject({ status: 'warning', fix: expect.stringContaining('tollgate migrate') })
    expect(code).toBe(0)
  } finally {
    await empty.drop()
  }
})

test('looks at the pipeline: roles, partitions, retention, sums and quarantine, each with what to do', async () => {
  const env = externalDatabase(database().address) as Record<string, string>
  const { sql } = database().database
  const well = await examined(env)
  const names = ['roles', 'partitions', 'retention', 'sums', 'quarantine']
  expect(well.names).toEqual(expect.arrayContaining(names))
  expect(names.map((name) => well.check(name)?.status)).not.toContain('failed')

  const ledger = new UsageLedger(database().database, systemClock)
  await ledger.write([
    rowText(rowAt(systemClock.now() - 60_000, { input_tokens: 5 })),
    rowText(rowAt(Date.UTC(2025, 0, 1))),
  ])
  await ledger.close()
  await sql`UPDATE tollgate.rollups SET input_tokens = 6 WHERE level = '15m' AND input_tokens = 5`
  await sql`INSERT INTO tollgate.quarantine (id, quarantined_at, reason, row) VALUES (gen_random_uuid(), now(), 'too odd', '{}')`
  const ill = await examined(env)
  expect(ill.check('sums')).toMatchObject({ status: 'failed', fix: expect.stringContaining('tollgate verify') })
  expect(ill.check('quarantine')).toMatchObject({ status: 'warning', found: '1 row: too odd' })
  expect(ill.check('retention')).toMatchObject({ status: 'warning', found: expect.stringContaining('2025-01-01') })
  expect(ill.code).toBe(1)
})

test('a gateway that has the data directory and does not answer is a failure; one that was killed is told', async () => {
  const home = claimDataDir(place.dataDir, systemClock)
  try {
    expect((await examined()).check('gateway')).toMatchObject({
      status: 'warning',
      found: expect.stringContaining('is starting'),
    })
    home.announce('http://127.0.0.1:1')
    const silent = await examined()
    expect(silent.check('gateway')).toMatchObject({
      status: 'failed',
      found: expect.stringContaining('does not answer'),
    })
    expect(silent.code).toBe(1)
  } finally {
    home.release()
  }
  const file = join(place.dataDir, 'gateway.json')
  writeFileSync(file, JSON.stringify({ pid: 1, address: 'http://127.0.0.1:1', started_at: '2026-01-01T00:00:00Z' }))
  expect((await examined()).check('gateway')).toMatchObject({
    status: 'warning',
    found: expect.stringContaining('was killed'),
  })
  rmSync(place.dataDir, { recursive: true })
})
