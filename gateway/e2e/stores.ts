import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { systemClock } from '../domain/clock.ts'
import { addressOfDatabase, type DatabaseAddress } from '../ledger/address.ts'
import { claimDataDir } from '../ledger/data-dir.ts'
import { openDatabase } from '../ledger/database.ts'
import { openEmbedded } from '../ledger/embedded/open.ts'
import { migrate } from '../ledger/migrations/migrations.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The server that the run's test databases live on. */
    readonly postgres: DatabaseAddress
    /** The migrated database that they are cloned from. */
    readonly postgresTemplate: string
  }
}

const quiet = { info() {}, warn() {} }

/**
 * One PostgreSQL for the whole run: TEST_DATABASE_URL's where it is set, else our own embedded one, made for the run
 * and careless about power cuts. `database.ts` beside this gives each test file a database of its own.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer()
  const template = `tollgate_template_${process.pid}`
  try {
    await makeTemplate(server.address, template)
  } catch (error) {
    // A set-up that throws is not torn down: its server would stay for good.
    await server.end()
    throw error
  }
  project.provide('postgres', server.address)
  project.provide('postgresTemplate', template)
  return async () => {
    if (process.env['TEST_DATABASE_URL']) await command(server.address, `DROP DATABASE IF EXISTS ${template}`)
    await server.end()
  }
}

interface TestServer {
  readonly address: DatabaseAddress
  end(): Promise<void>
}

async function startServer(): Promise<TestServer> {
  const given = process.env['TEST_DATABASE_URL']
  if (given) return { address: given, end: async () => {} }
  const directory = mkdtempSync(join(tmpdir(), 'tollgate-test-'))
  const home = claimDataDir(directory, systemClock)
  const remove = (): void => {
    home.release()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_connections: '200' }
    endWithUs(directory)
    const embedded = await openEmbedded({ home, clock: systemClock, log: quiet, settings })
    return {
      address: embedded.address,
      async end() {
        await embedded.close()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

/**
 * For a run that is killed: a shell that waits for the end of a pipe which only we hold open, and then ends the server.
 * After an orderly end it finds nothing left to do.
 */
function endWithUs(directory: string): void {
  const script = `
    cat >/dev/null
    [ -d "$0" ] || exit 0
    p=$(head -n 1 "$0/postgres/postmaster.pid" 2>/dev/null || cat "$0"/postgres.init-*.pid) && kill -QUIT "$p"
    sleep 1
    rm -rf "$0"
  `
  const watcher = spawn('/bin/sh', ['-c', script, directory], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  watcher.unref()
  // The pipe must not keep the run alive either.
  if (watcher.stdin && 'unref' in watcher.stdin && typeof watcher.stdin.unref === 'function') watcher.stdin.unref()
}

async function makeTemplate(server: DatabaseAddress, template: string): Promise<void> {
  await command(server, `DROP DATABASE IF EXISTS ${template}`)
  await command(server, `CREATE DATABASE ${template}`)
  const database = openDatabase(addressOfDatabase(server, template))
  try {
    await migrate(database, join(import.meta.dirname, '../../migrations'))
  } finally {
    await database.close()
  }
}

async function command(server: DatabaseAddress, statement: string): Promise<void> {
  const database = openDatabase(server)
  try {
    await database.sql.unsafe(statement)
  } finally {
    await database.close()
  }
}
