import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import { rowAt } from '../../domain/usage-row.fixture.ts'
import { rowText, type UsageRow } from '../../domain/usage-row.ts'
import { testDatabase } from '../../e2e/database.ts'
import { UsageLedger } from '../../ledger/usage.ts'
import {
  addressOf,
  callThrough,
  externalDatabase,
  makePlace,
  type Place,
  type Running,
  type Said,
} from '../command-line.fixture.ts'

const database = testDatabase()
const secret = 'dev-secret-of-eighteen-or-more'
const apiKey = 'sk-upstream-0123456789abcdef'
const file = {
  keys: [{ id: 'dev', secret }],
  connections: [
    { id: 'well', provider: 'sandbox', priority: 1, models: { well: 'sandbox/fast' }, limits: { rpm: 1500 } },
    { id: 'ill', provider: 'sandbox', priority: 2, models: { ill: 'sandbox/error-500' } },
    { id: 'refused', provider: 'sandbox', priority: 3, models: { refused: 'sandbox/error-401' } },
    { id: 'going', provider: 'openai', api_key: apiKey, priority: 4, status: 'draining', models: ['gpt-*'] },
    { id: 'off', provider: 'openai', api_key: apiKey, priority: 5, status: 'inactive', models: ['gpt-*'] },
  ],
}
let place: Place
let gateway: Running
let address: string

beforeAll(async () => {
  place = makePlace(file, externalDatabase(database().address))
  gateway = place.start('serve')
  address = await addressOf(gateway)
})
afterAll(async () => {
  await gateway?.interrupt()
  place?.remove()
})

const call = (model: string) => callThrough(address, secret, model)

/** The table's rows by their first word. */
function rowsIn({ stdout }: Said): ReadonlyMap<string, string> {
  const lines = stdout.trimEnd().split('\n')
  return new Map(lines.map((line) => [line.split(/\s/)[0] ?? '', line]))
}

async function rowsWritten(by: 'traffic' | 'tests'): Promise<number> {
  const [row] = await database().database.sql<{ rows: number }[]>`
    SELECT count(*)::int AS rows FROM tollgate.usage
    WHERE status <> 'orphan' AND (request_type IS NOT DISTINCT FROM 'test') = ${by === 'tests'}`
  return row?.rows ?? -1
}

describe('before any traffic', () => {
  test('all connections are listed in the order they are asked, in exactly these columns [S0-15]', async () => {
    const said = await place.run('connections list')
    const [head, ...rows] = said.stdout.trimEnd().split('\n')
    expect(head).toMatch(/^ID +PROVIDER +NAME +STATUS +PRIO +SUCCESS +HEALTH +LAST USED$/)
    expect(rows.map((row) => row.split(' ')[0])).toEqual([
      ...['well', 'ill', 'refused', 'going', 'off', 'sandbox', 'sandbox-faults'],
      '7',
    ])
    expect(rows[0]).toMatch(/^well +sandbox +well +Active +1 +— +● Healthy +never$/)
    expect(rows[3]).toMatch(/^going +openai +going +Draining +4 +— +— +never$/)
    expect(rows[4]).toMatch(/^off +openai +off +Inactive +5 +— +— +never$/)
    expect(rows.at(-1)).toBe('7 connections · 5 healthy · 0 degraded · 0 warning · 0 critical')
    expect(said).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('after traffic', () => {
  beforeAll(async () => {
    for (let i = 0; i < 6; i++) expect(await call('well')).toBe(200)
    for (let i = 0; i < 3; i++) expect(await call('ill')).toBe(502)
    expect(await call('refused')).toBe(502)
    await vi.waitFor(async () => expect(await rowsWritten('traffic')).toBe(10), { timeout: 10_000 })
  }, 60_000)

  test('health, success and status are told, and the exit status is for schedulers [S0-13 S0-14 S0-19]', async () => {
    const [listed, monitored, health] = await place.runAll(['connections list', 'monitor', 'health --provider sandbox'])
    const rows = rowsIn(listed ?? { code: 0, stdout: '', stderr: '' })
    expect(rows.get('well')).toMatch(/^well +sandbox +well +Active +1 +100 % +● Healthy +(just now|\d+ \w+ ago)$/)
    expect(rows.get('ill')).toMatch(/^ill +sandbox +ill +Active +2 +0 % +▲ Warning +/)
    expect(rows.get('refused')).toMatch(/^refused +sandbox +refused +Error +3 +0 % +■ Critical +/)
    expect(listed?.code).toBe(0)
    expect(monitored?.stdout).toMatch(/\n7 connections · 3 healthy · 0 degraded · 1 warning · 1 critical\n/)
    expect(monitored?.stdout).toMatch(/\nNext: correct the api_key of refused at tollgate\.yaml:\d+\n$/)
    expect(monitored?.code).toBe(12)
    expect(health?.code).toBe(12)
  })

  test('one provider alone is shown, and only it counts; one that does not exist is not found [S0-16]', async () => {
    const lines = ['monitor --provider openai', 'monitor --provider opnai', 'monitor --provider nobody --json']
    const [one, part, unknown] = await place.runAll(lines)
    expect(one?.stdout).toContain('2 connections · 0 healthy')
    expect(one?.stdout).not.toMatch(/sandbox/)
    expect(one?.code).toBe(0)
    expect(part).toMatchObject({ code: 3, stdout: '' })
    expect(part?.stderr).toContain('there is no provider "opnai"; did you mean "openai"?')
    expect(unknown?.code).toBe(3)
    expect(JSON.parse(unknown?.stdout ?? '')).toMatchObject({ title: 'there is no provider "nobody"', exit_code: 3 })
  })

  test('a script gets all there is, and never a credential [S0-15]', async () => {
    const [asked, filtered, shown] = await place.runAll([
      'connections list --json',
      'connections list --health warning --json',
      'connections show well --json',
    ])
    const document = JSON.parse(asked?.stdout ?? '')
    expect(document).toMatchObject({
      gateway: { address },
      health_from: 'gateway',
      success_window_hours: 24,
      summary: { connections: 7, healthy: 3, degraded: 0, warning: 1, critical: 1 },
      worst: 'critical',
    })
    expect(document.connections[0]).toMatchObject({
      id: 'well',
      status: 'active',
      success_rate: 1,
      attempts: 6,
      limits: { rpm: 1500 },
      models: [{ pattern: 'well', upstream: 'sandbox/fast' }],
      source: 'tollgate.yaml:5',
      managed_by: 'config',
      health: { status: 'healthy', errors_in_a_row: 0, rest: null },
    })
    expect(document.connections[2]).toMatchObject({
      id: 'refused',
      status: 'error',
      health: { status: 'critical', credential_refused: true, rest: { reason: 'credential' } },
    })
    expect(JSON.parse(filtered?.stdout ?? '').connections.map(({ id }: { id: string }) => id)).toEqual(['ill'])
    expect(JSON.parse(shown?.stdout ?? '')).toMatchObject({ id: 'well', limits_used: [{ max: 1500 }] })
    expect(asked?.stdout).not.toContain(apiKey)
    expect(asked?.stdout).toContain('…cdef')
  })

  test('one is shown with all that is known of it; one that is not there is not found', async () => {
    const [shown, missing] = await place.runAll(['connections show ill', 'connections show nobody'])
    expect(shown?.stdout).toMatch(/^health +warning: .*3 errors in a row/m)
    expect(shown?.stdout).toMatch(/^models +ill→sandbox\/error-500$/m)
    expect(missing).toMatchObject({ code: 3, stdout: '' })
  })

  test('no test call is made unless it is asked for [S0-17]', async () => {
    expect(await rowsWritten('tests')).toBe(0)
  })
})

describe('tests', () => {
  test('are calls of each connection in use, shown with what came of them [S0-17]', async () => {
    const said = await place.run('monitor --test')
    const rows = rowsIn(said)
    expect(rows.get('ID')).toMatch(/LAST USED +TEST$/)
    expect(rows.get('well')).toMatch(/ ✓ \d+ ms$/)
    expect(rows.get('ill')).toMatch(/^ill +sandbox +ill +Error .* ✗ 500 server_error$/)
    expect(rows.get('refused')).toMatch(/ ✗ 401 invalid_api_key$/)
    expect(rows.get('sandbox-faults')).toMatch(/ ✓ /)
    expect(rows.get('off')).toMatch(/ —$/)
    expect(said.code).toBe(12)
    await expect.poll(() => rowsWritten('tests'), { timeout: 5_000 }).toBe(5)
  })

  test('leave success and last use as they were', async () => {
    const { connections } = JSON.parse((await place.run('connections list --json')).stdout)
    expect(connections[0]).toMatchObject({ id: 'well', attempts: 6 })
    expect(connections[5]).toMatchObject({ id: 'sandbox', attempts: 0, last_used_at: null })
  })

  test('of connections by name are told line by line, and one that fails ends with 1', async () => {
    const [well, both, wrong, missing, chosen] = await place.runAll([
      'connections test well',
      'connections test well ill --json',
      'connections test',
      'connections test well nobody',
      'connections test off --model sandbox/none',
    ])
    expect(well?.stdout).toMatch(/^✓ well {2}well {2}\d+ ms, first token \d+ ms, 7 \+ 1 tokens, \$0\.\d+\n$/)
    expect(well?.code).toBe(0)
    const { ok, tests } = JSON.parse(both?.stdout ?? '')
    expect({ ok, code: both?.code }).toEqual({ ok: false, code: 1 })
    expect(tests[1]).toMatchObject({ connection: 'ill', http_status: 500, error: { code: 'server_error' } })
    expect(wrong?.code).toBe(2)
    expect(missing?.code).toBe(3)
    expect(chosen?.stdout).toMatch(/^✗ off {2}sandbox\/none {2}model_not_found\n {2}.*\n {2}→ off serves gpt-\*/)
    expect(chosen?.code).toBe(1)
  })

  test('need a gateway that runs here', async () => {
    const elsewhere = makePlace(file, externalDatabase(database().address))
    const [one, all, named] = await elsewhere.runAll([
      'connections test well',
      'monitor --test',
      `monitor --test --url ${address}`,
    ])
    expect([one?.code, all?.code, named?.code]).toEqual([5, 5, 2])
    expect(one?.stderr).toContain('no gateway runs here')
    elsewhere.remove()
  })
})

describe('a gateway elsewhere', () => {
  test('is asked for health by its address; one that does not answer is a failure', async () => {
    const elsewhere = makePlace(file, externalDatabase(database().address))
    const away = 'connections list --url http://127.0.0.1:1'
    const [named, silent] = await elsewhere.runAll([`monitor --url ${address}/ --json`, away])
    const { gateway: answered, health_from: from, connections } = JSON.parse(named?.stdout ?? '')
    expect({ answered, from }).toMatchObject({ answered: { address }, from: 'gateway' })
    expect(connections[2]).toMatchObject({ id: 'refused', status: 'error', health: { status: 'critical' } })
    expect(named?.code).toBe(12)
    expect(silent?.stderr).toContain('error: no gateway answers at http://127.0.0.1:1\n')
    expect(silent).toMatchObject({ code: 5, stdout: '' })
    elsewhere.remove()
  })

  test('that says nothing of health is believed in nothing', async () => {
    const health = { status: 'ok', version: '9.9.9', connections: [{ id: 'well', available: true }] }
    const server = createServer((_, response) => response.end(JSON.stringify(health)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as AddressInfo
      const said = await place.run(`connections list --url http://127.0.0.1:${port}`)
      expect(rowsIn(said).get('well')).toMatch(/ — +(just now|\d+ \w+ ago)$/)
    } finally {
      server.close()
    }
  })
})

describe('with the database away', () => {
  test('health is told, and success is not known', async () => {
    const away = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' }
    const said = await place.run('monitor', away)
    expect(rowsIn(said).get('refused')).toMatch(/^refused +sandbox +refused +Error +3 +— +■ Critical +.* ago$/)
    expect(said.stderr).toMatch(/^The ledger could not be asked, .*: PostgreSQL does not answer at 127\.0\.0\.1:1 /)
    expect(said.code).toBe(12)
    const shown = await place.run('connections show refused', away)
    expect(shown.stdout).toMatch(/^success +—\nlast used +.* ago$/m)
  })
})

describe('watching', () => {
  test('says it again and again, until Ctrl-C', async () => {
    const watching = place.start('monitor --watch 1s --json')
    for (let waited = 0; waited < 20_000; waited += 100) {
      const times = (await watching.until('')).match(/"success_window_hours"/g)?.length ?? 0
      if (times >= 2) break
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const { stdout } = await watching.interrupt()
    expect(stdout.match(/"success_window_hours"/g)?.length).toBeGreaterThanOrEqual(2)
  })
})

describe('without a gateway', () => {
  test('health is computed from the rows of the last calls [S0-18]', async () => {
    const rowOf = (ago: number, over: Partial<UsageRow>) =>
      rowAt(systemClock.now() - ago, { org_id: 'default', ...over })
    const failed = { success: false, status: 'failed', http_status: 500 } as const
    const rows = [
      ...Array.from({ length: 38 }, (_, i) => rowOf(60_000 + i, { connection_id: 'eu' })),
      ...Array.from({ length: 2 }, (_, i) => rowOf(90_000 + i, { connection_id: 'eu', ...failed })),
      ...Array.from({ length: 3 }, (_, i) => rowOf(1_000 + i, { connection_id: 'us', ...failed })),
    ]
    const ledger = new UsageLedger(database().database, systemClock)
    expect(await ledger.store(rows.map(rowText))).toEqual([])
    await ledger.close()
    const provider = { provider: 'openai', api_key: apiKey, models: ['gpt-*'] }
    const connections = [
      { id: 'eu', ...provider },
      { id: 'us', ...provider },
    ]
    const still = makePlace({ connections }, externalDatabase(database().address))
    const strict = makePlace(
      { connections, settings: { health: { errors_in_a_row: { degraded: 1, warning: 2, critical: 3 } } } },
      externalDatabase(database().address),
    )
    try {
      const [plain, strictly] = await still.runAll(['monitor', 'monitor --exit-code'])
      expect(plain?.stdout).toMatch(/^eu +openai +eu +Active +10 +95 % +◗ Degraded +6\d s ago$/m)
      expect(plain?.stdout).toMatch(/^us +openai +us +Active +10 +0 % +▲ Warning +/m)
      expect(plain?.stdout).toContain('  eu: success 95 % in 5 min, below 98 %\n')
      expect(plain?.stdout).toMatch(/\nNext: tollgate connections test us\n$/)
      expect(plain?.stderr).toContain('health is told from the rows')
      expect([plain?.code, strictly?.code]).toEqual([0, 11])
      expect((await strict.run('monitor')).code).toBe(12)
    } finally {
      still.remove()
      strict.remove()
    }
  })

  test('and without a ledger nobody knows, which a scheduler is told', async () => {
    const nowhere = makePlace(file)
    try {
      const [listed, monitored] = await nowhere.runAll(['connections list', 'monitor --json'])
      expect(listed?.stdout).toMatch(/^well +sandbox +well +Active +1 +— +— +—$/m)
      expect(listed?.code).toBe(0)
      expect(monitored?.code).toBe(5)
      expect(JSON.parse(monitored?.stdout ?? '')).toMatchObject({ exit_code: 5 })
    } finally {
      nowhere.remove()
    }
  })
})
