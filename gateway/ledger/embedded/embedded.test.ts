import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../domain/clock.ts'
import type { SocketAddress } from '../address.ts'
import { claimDataDir, type DataDir } from '../data-dir.ts'
import { type Database, openDatabase } from '../database.ts'
import { linkLibraries } from './binaries.ts'
import { type Embedded, openEmbedded, runningEmbedded } from './open.ts'
import { isRunning, readPostmaster } from './postmaster.ts'

const root = mkdtempSync(join(tmpdir(), 'tollgate-embedded-'))
// Passable, so that under root the server runs as nobody; `closed` below is where it cannot.
chmodSync(root, 0o711)
const quiet = { info() {}, warn() {} }
const isRoot = process.getuid?.() === 0

/** A gateway of its own, as far as the database goes. */
const gateway = `
  const { claimDataDir } = await import(${JSON.stringify(join(import.meta.dirname, '../data-dir.ts'))})
  const { openDatabase } = await import(${JSON.stringify(join(import.meta.dirname, '../database.ts'))})
  const { openEmbedded } = await import(${JSON.stringify(join(import.meta.dirname, 'open.ts'))})
  const clock = { now: () => Date.now(), elapsed: () => performance.now() }
  const home = claimDataDir(process.argv[1], clock)
  const embedded = await openEmbedded({ home, clock, log: { info() {}, warn() {} } })
  const database = openDatabase(embedded.address)
  await database.sql\`CREATE TABLE IF NOT EXISTS drill (run int, n int)\`
  process.once('SIGINT', async () => {
    // Long enough for the signal to have reached everyone it would reach.
    await new Promise((done) => setTimeout(done, 300))
    await database.sql\`INSERT INTO drill VALUES (\${process.pid}, -1)\`
    await database.close()
    await embedded.close()
    home.release()
    process.exit(0)
  })
  console.log('ready')
  for (let n = 0; ; n++) {
    await database.sql\`INSERT INTO drill VALUES (\${process.pid}, \${n})\`.then(() => console.log('kept ' + n), () => {})
    await new Promise((done) => setTimeout(done, 5))
  }
`

const running: ChildProcess[] = []

function spawnGateway(path: string): ChildProcess & { said(): string } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', gateway, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  running.push(child)
  let said = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  return Object.assign(child, { said: () => said })
}

async function eventually(claim: () => boolean): Promise<void> {
  for (let i = 0; i < 1_500 && !claim(); i++) await sleep(10)
  expect(claim()).toBe(true)
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

function serverOf(path: string): number {
  return readPostmaster(join(path, 'postgres'))?.pid ?? 0
}

/** Opens as the next start would, does what it is told, and closes again: nothing may be left running. */
async function opened<T>(
  path: string,
  work: (embedded: Embedded, database: Database, home: DataDir) => Promise<T>,
): Promise<T> {
  const home = claimDataDir(path, systemClock)
  try {
    const embedded = await openEmbedded({ home, clock: systemClock, log: quiet })
    const database = openDatabase(embedded.address)
    try {
      return await work(embedded, database, home)
    } finally {
      await database.close()
      const pid = serverOf(path)
      await embedded.close()
      expect(isRunning(pid, path)).toBe(false)
    }
  } finally {
    home.release()
  }
}

/** How many rows of that gateway there are; of everyone's without one. */
async function countOf(database: Database, run?: ChildProcess): Promise<number> {
  const [row] = await database.sql<{ n: bigint }[]>`
    SELECT count(*) AS n FROM drill WHERE run = coalesce(${run?.pid ?? null}::int, run)`
  return Number(row?.n)
}

function keptBy(said: string): number {
  return said.split('\n').filter((line) => line.startsWith('kept ')).length
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(killed))
})

afterAll(() => {
  for (const name of readdirSync(root)) {
    const pid = serverOf(join(root, name))
    if (isRunning(pid, root)) process.kill(pid, 'SIGQUIT')
  }
  rmSync(root, { recursive: true, force: true, maxRetries: 10 })
})

describe('one data directory', { timeout: 60_000 }, () => {
  const path = join(root, 'data')

  beforeAll(async () => {
    const startedMs = systemClock.elapsed()
    await opened(path, async (embedded, database) => {
      expect(embedded.adopted).toBe(false)
      await database.sql`CREATE TABLE IF NOT EXISTS drill (run int, n int)`
    })
    process.stdout.write(`first start and stop: ${Math.round(systemClock.elapsed() - startedMs)} ms\n`)
  })

  test('starts again at once, with UTF-8, one order of strings everywhere, and commits that wait for the disk', async () => {
    const startedMs = systemClock.elapsed()
    await opened(path, async (_, database) => {
      process.stdout.write(`later start: ${Math.round(systemClock.elapsed() - startedMs)} ms\n`)
      const [setting] = await database.sql`
        SELECT current_setting('server_encoding') AS encoding, current_setting('synchronous_commit') AS commit,
          current_setting('fsync') AS fsync, current_setting('listen_addresses') AS tcp,
          (SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = current_database()) AS locale`
      expect(setting).toEqual({ encoding: 'UTF8', commit: 'on', fsync: 'on', tcp: '', locale: 'bC.UTF-8' })
    })
  })

  test('lets nobody else near: neither its files nor its socket', async () => {
    await opened(path, async (embedded) => {
      expect(statSync(embedded.address.socketDirectory).mode & 0o777).toBe(0o700)
      expect(statSync(join(path, 'postgres.log')).mode & 0o777).toBe(0o600)
      expect(statSync(path).mode & 0o066).toBe(0)
    })
  })

  test('gives the server none of our environment', async () => {
    process.env['DRILL_API_KEY'] = 'sk-not-for-postgres'
    await opened(path, async () => {
      if (process.platform !== 'linux') return
      expect(readFileSync(`/proc/${serverOf(path)}/environ`, 'utf8')).not.toContain('sk-not-for-postgres')
    }).finally(() => delete process.env['DRILL_API_KEY'])
  })

  test('is adopted with every acknowledged row when its gateway was killed', async () => {
    const first = spawnGateway(path)
    await eventually(() => keptBy(first.said()) > 20)
    const pid = serverOf(path)
    await killed(first)
    expect(isRunning(pid, path)).toBe(true)
    expect(runningEmbedded(path)).toMatchObject({ user: 'tollgate' })
    await opened(path, async (embedded, database) => {
      expect(embedded.adopted).toBe(true)
      expect(serverOf(path)).toBe(pid)
      expect(await countOf(database, first)).toBeGreaterThanOrEqual(keptBy(first.said()))
    })
    expect(runningEmbedded(path)).toBeUndefined()
  })

  test('recovers every acknowledged row when gateway and server were killed', async () => {
    const first = spawnGateway(path)
    await eventually(() => keptBy(first.said()) > 20)
    process.kill(serverOf(path), 'SIGKILL')
    await killed(first)
    await opened(path, async (embedded, database) => {
      expect(embedded.adopted).toBe(false)
      expect(await countOf(database, first)).toBeGreaterThanOrEqual(keptBy(first.said()))
    })
  })

  test('starts although the pid of its killed server is another process now', async () => {
    const first = spawnGateway(path)
    await eventually(() => first.said().includes('ready'))
    const file = join(path, 'postgres', 'postmaster.pid')
    const [, ...rest] = readFileSync(file, 'utf8').split('\n')
    process.kill(serverOf(path), 'SIGKILL')
    await killed(first)
    const impostor = spawn('sleep', ['60'], { stdio: 'ignore' })
    running.push(impostor)
    writeFileSync(file, [impostor.pid, ...rest].join('\n'))
    await opened(path, async (embedded) => expect(embedded.adopted).toBe(false))
    expect(impostor.exitCode).toBe(null)
  })

  test('sees through a zombie: a killed server whose parent does not reap it', async () => {
    const first = spawnGateway(path)
    await eventually(() => first.said().includes('ready'))
    const pid = serverOf(path)
    first.kill('SIGSTOP')
    process.kill(pid, 'SIGKILL')
    await eventually(() => !isRunning(pid, path))
    // It is still there for the system, which is what PostgreSQL's own check would go by.
    expect(() => process.kill(pid, 0)).not.toThrow()
    await killed(first)
    await opened(path, async (embedded) => expect(embedded.adopted).toBe(false))
  })

  test('comes back by itself, at the same address, when it dies under a living gateway', async () => {
    await opened(path, async (embedded, database) => {
      await database.sql`SELECT 1`
      const pid = serverOf(path)
      process.kill(pid, 'SIGKILL')
      await eventually(() => serverOf(path) !== pid && runningEmbedded(path) !== undefined)
      expect(runningEmbedded(path)).toEqual(embedded.address)
      await expect.poll(() => countOf(database).catch(() => -1), { timeout: 5_000 }).toBeGreaterThan(0)
    })
  })

  test('outlives a Ctrl-C until its gateway has flushed, and is gone with it', async () => {
    const first = spawnGateway(path)
    await eventually(() => first.said().includes('ready'))
    const pid = serverOf(path)
    // A terminal's Ctrl-C goes to the whole process group.
    process.kill(-(first.pid ?? 0), 'SIGINT')
    const [code] = await once(first, 'exit')
    expect(code).toBe(0)
    expect(isRunning(pid, path)).toBe(false)
    await opened(path, async (_, database) => {
      expect(await database.sql`SELECT run FROM drill WHERE n = -1`).toEqual([{ run: first.pid }])
    })
  })
})

test('a start that was killed half-way through making the cluster is begun again', { timeout: 60_000 }, async () => {
  const path = join(root, 'half')
  const first = spawnGateway(path)
  const unfinished = () =>
    existsSync(path) ? readdirSync(path).filter((name) => /^postgres\.init-\w+$/.test(name)) : []
  await eventually(() => unfinished().some((name) => existsSync(join(path, name, 'base'))))
  await killed(first)
  expect(existsSync(join(path, 'postgres'))).toBe(false)
  expect(unfinished()).toHaveLength(1)
  await opened(path, async (_, database) => {
    expect(unfinished()).toEqual([])
    expect((await database.check()).version).toMatch(/^18\./)
    expect(readdirSync(path).sort()).toEqual(['gateway.json', 'gateway.lock', 'postgres', 'postgres.log'])
  })
})

test('a path too long for a socket gets a short private one, which goes with the server', {
  timeout: 60_000,
}, async () => {
  const path = join(root, 'long'.repeat(30))
  const first = spawnGateway(path)
  await eventually(() => first.said().includes('ready'))
  await killed(first)
  const address: SocketAddress = await opened(path, async (embedded, database) => {
    expect(embedded.adopted).toBe(true)
    const pid = serverOf(path)
    process.kill(pid, 'SIGKILL')
    await eventually(() => serverOf(path) !== pid && runningEmbedded(path) !== undefined)
    expect(runningEmbedded(path)).toEqual(embedded.address)
    await expect.poll(() => countOf(database).catch(() => -1), { timeout: 5_000 }).toBeGreaterThanOrEqual(0)
    return embedded.address
  })
  expect(address.socketDirectory).toMatch(/^\/tmp\/tollgate-/)
  expect(existsSync(address.socketDirectory)).toBe(false)
})

test.runIf(isRoot)('as root, in a place closed to others, it runs all the same', { timeout: 60_000 }, async () => {
  const closed = join(root, 'closed')
  mkdirSync(closed, { mode: 0o700 })
  for (const made of [true, false]) {
    expect(existsSync(join(closed, 'my "own", data', 'postgres'))).toBe(!made)
    await opened(join(closed, 'my "own", data'), async (_, database) => {
      expect(statSync(join(closed, 'my "own", data', 'postgres')).uid).toBe(0)
      expect(statSync(join(closed, 'my "own", data')).mode & 0o777).toBe(0o700)
      await database.check()
    })
  }
})

test('a platform without binaries is told to bring its own PostgreSQL', async () => {
  const script = `
    Object.defineProperty(process, 'arch', { value: 'riscv64' })
    const { findBinaries } = await import(${JSON.stringify(join(import.meta.dirname, 'binaries.ts'))})
    try { findBinaries() } catch (error) { console.log(error.message) }
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = await once(child.stdout.setEncoding('utf8'), 'data')
  expect(said).toContain('riscv64 is not installed')
  expect(said).toContain('Set DATABASE_URL')
})

test('library names that npm left out are made, and made once', () => {
  const native = join(root, 'package', 'native')
  mkdirSync(join(native, 'lib'), { recursive: true })
  writeFileSync(join(native, 'lib', 'libpq.so.5.18'), 'a library')
  const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }]
  writeFileSync(join(native, 'pg-symlinks.json'), JSON.stringify(links))
  linkLibraries(native, 'a-package')
  linkLibraries(native, 'a-package')
  expect(readFileSync(join(native, 'lib', 'libpq.so.5'), 'utf8')).toBe('a library')
})
