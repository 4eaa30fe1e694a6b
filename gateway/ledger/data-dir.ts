import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../domain/clock.ts'

/**
 * One gateway owns a data directory. The claim is an exclusive SQLite transaction on `gateway.lock`: a lock that the
 * kernel drops when its process dies, however it dies, so nothing stale can keep the next start out. `gateway.json`
 * beside it says in words who holds it; it is believed only while the lock is held.
 */
export interface DataDir {
  /** Absolute, without symbolic links. */
  readonly path: string
  /** Makes known where the gateway answers. */
  announce(address: string): void
  release(): void
}

/** Who owns a data directory, as it says of itself. */
export interface DataDirOwner {
  readonly pid: number
  /** Missing until the owner listens. */
  readonly address?: string
  readonly started_at: string
}

/** Another gateway owns the data directory. */
export class DataDirInUse extends Error {
  readonly owner: DataDirOwner | undefined

  constructor(path: string, owner: DataDirOwner | undefined) {
    const who = owner ? ` (pid ${owner.pid}, ${owner.address ?? 'starting up'})` : ''
    super(`Another Tollgate${who} is using ${path}. Stop it, or give this one its own directory: TOLLGATE_DATA_DIR.`)
    this.name = 'DataDirInUse'
    this.owner = owner
  }
}

// By path, for two reasons. POSIX drops all of a process's locks on a file when it closes any descriptor of it: a second
// open of the lock file here would, on its way out, free the first one's claim. And a lock that nothing refers to is
// collected as garbage, and freed with it.
const claims = new Map<string, DatabaseSync>()

/** Makes the directory (0700) where it is missing and claims it; throws `DataDirInUse` where another has it. */
export function claimDataDir(path: string, clock: Clock): DataDir {
  const home = make(resolve(path))
  if (claims.has(home)) throw new DataDirInUse(home, dataDirOwner(home))
  const lock = take(home)
  claims.set(home, lock)
  const startedAt = new Date(clock.now()).toISOString()
  const announce = (address?: string): void =>
    write(home, { pid: process.pid, ...(address === undefined ? {} : { address }), started_at: startedAt })
  announce()
  return {
    path: home,
    announce,
    release() {
      if (!claims.delete(home)) return
      rmSync(join(home, 'gateway.json'), { force: true })
      lock.close()
    },
  }
}

/** Who last claimed the directory. Only as true as the claim: a killed gateway leaves its name behind. */
export function dataDirOwner(path: string): DataDirOwner | undefined {
  try {
    const owner: Partial<DataDirOwner> | null = JSON.parse(readFileSync(join(path, 'gateway.json'), 'utf8'))
    if (typeof owner?.pid !== 'number' || typeof owner.started_at !== 'string') return undefined
    return { ...owner, pid: owner.pid, started_at: owner.started_at }
  } catch {
    return undefined
  }
}

function make(path: string): string {
  try {
    // What lies above it is not ours to close.
    mkdirSync(dirname(path), { recursive: true })
    if (!existsSync(path)) mkdirSync(path, { mode: 0o700 })
    return realpathSync(path)
  } catch (cause) {
    throw new Error(`The data directory ${path} cannot be made (${codeOf(cause)}). Set TOLLGATE_DATA_DIR.`, { cause })
  }
}

function take(home: string): DatabaseSync {
  const file = join(home, 'gateway.lock')
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(file, { timeout: 0 })
    // Nothing is ever written, so the journal that SQLite would put beside it has no use.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock?.close()
    if (isBusy(cause)) throw new DataDirInUse(home, dataDirOwner(home))
    throw new Error(`The data directory ${home} cannot be used: ${file} cannot be locked (${messageOf(cause)}).`, {
      cause,
    })
  }
}

// Written beside and renamed over: whoever reads it sees a whole one.
function write(home: string, owner: DataDirOwner): void {
  const file = join(home, 'gateway.json')
  writeFileSync(`${file}.new`, `${JSON.stringify(owner)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

const sqliteBusy = 5

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : messageOf(error)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
