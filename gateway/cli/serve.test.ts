import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { version } from '../version.ts'
import { makePlace, type Place, type Running } from './command-line.fixture.ts'

/** One installation, from before its first start until after its last, with the embedded database. */
let place: Place
let serving: Running | undefined
let started: string

beforeAll(() => {
  place = makePlace()
})
afterAll(async () => {
  await serving?.interrupt()
  place.remove()
})

test('before the first start there is no key to show, and nothing is made', async () => {
  for (const { code, stdout, stderr } of await place.runAll(['quickstart', 'usage tail'])) {
    expect(stderr).toMatch(/^error: there is no ledger in .*\n.*\n.*npm start/)
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' })
  }
  expect(existsSync(place.dataDir)).toBe(false)
})

test('serve starts the gateway', async () => {
  serving = place.start('serve')
  started = await serving.until('/v1/me/usage')
  expect(started).toMatch(/^Tollgate .* is ready at http:\/\/127\.0\.0\.1:\d+ /)
})

test('beside it quickstart shows its key, the status its address, doctor that all is well, keys a hint alone', async () => {
  const [quickstart, status, asked, doctor, keys] = await place.runAll([
    'quickstart',
    '',
    '--json',
    'doctor',
    'keys list',
  ])
  expect(quickstart?.stdout).toMatch(/^ {2}your key {3}sk-tg-\S+\n/)
  expect(started).toContain(quickstart?.stdout)
  expect(quickstart).toMatchObject({ code: 0, stderr: '' })

  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(started)?.[0]
  expect(status?.stdout).toContain(`● ${address} (${version}, ok)`)
  expect(JSON.parse(asked?.stdout ?? '').gateway).toEqual({ address, version, status: 'ok' })

  expect(doctor?.stdout.match(/^\S \w+( \w+)?/gm)).toEqual([
    '✓ configuration',
    '✓ data directory',
    expect.stringMatching(/^[✓!] disk$/),
    ...['database', 'schema', 'clock', 'master key'].map((name) => `✓ ${name}`),
    ...['roles', 'partitions', 'retention', 'sums', 'quarantine'].map((name) => `✓ ${name}`),
    ...['port', 'gateway', 'connections', 'journal', 'prices'].map((name) => `✓ ${name}`),
  ])
  expect(doctor?.stdout).toMatch(/of the gateway that runs \(pid \d+/)
  expect(doctor?.code).toBe(0)

  const secret = /sk-tg-\S+/.exec(started)?.[0] ?? ''
  expect(keys?.stdout).toMatch(new RegExp(`^first +${secret.slice(0, 16)}…${secret.slice(-4)} .* ledger$`, 'm'))
  expect(keys?.stdout).not.toContain(secret)
})

test('serve ends in peace by Ctrl-C', async () => {
  const said = await serving?.interrupt()
  serving = undefined
  expect(said?.code).toBe(0)
})

test('without a gateway the ledger is opened for a moment, and nothing is left running', async () => {
  const quickstart = await place.run('quickstart')
  expect(/sk-tg-\S+/.exec(quickstart.stdout)?.[0]).toBe(/sk-tg-\S+/.exec(started)?.[0])
  expect(quickstart.stderr).toContain('The gateway does not answer. Start it with: npm start')
  expect(quickstart.code).toBe(0)

  const tail = await place.run('usage tail')
  expect(tail.stdout).toMatch(/^TIME UTC .*\n$/)
  expect(tail.stderr).toContain('No gateway runs here')
  expect(tail.code).toBe(0)
  expect(existsSync(join(place.dataDir, 'postgres/postmaster.pid'))).toBe(false)
})

test('a master key that is gone is told by doctor and by quickstart, and none is made in its place', async () => {
  const file = join(place.dataDir, 'master.key')
  rmSync(file)
  const doctor = await place.run('doctor --json')
  const { ok, checks } = JSON.parse(doctor.stdout)
  expect(ok).toBe(false)
  expect(checks.filter(({ status }: { status: string }) => status === 'failed')).toEqual([
    {
      name: 'master key',
      status: 'failed',
      found: expect.stringContaining(file),
      fix: expect.stringContaining('restore'),
    },
  ])
  expect(doctor.code).toBe(1)
  const quickstart = await place.run('quickstart')
  expect(quickstart.stderr).toContain(`error: ${file} is gone`)
  expect({ code: quickstart.code, stdout: quickstart.stdout }).toEqual({ code: 1, stdout: '' })
  expect(existsSync(file)).toBe(false)
})
