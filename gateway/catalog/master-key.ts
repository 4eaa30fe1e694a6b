import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { masterKeyBytes, masterKeyFrom } from './seal.ts'

/**
 * The master key that an embedded database is sealed with, made on first use and kept in `master.key` (0600) beside
 * it. Everything sealed is lost with this file, so a wrong one is never replaced, only complained about.
 */
export function masterKeyIn(dataDir: string): Buffer {
  const path = join(dataDir, 'master.key')
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  return readKey(path) ?? makeKey(path)
}

function readKey(path: string): Buffer | undefined {
  const file = openIfThere(path)
  if (file === undefined) return undefined
  try {
    // Of the open file, not of the path: what was checked is what is read.
    const stat = fstatSync(file)
    if (!stat.isFile()) throw new Error(`${path} is not a file; move it away, or set TOLLGATE_MASTER_KEY`)
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(3, '0')
      throw new Error(`${path} may be read by others (mode ${mode}); make it private with: chmod 600 ${path}`)
    }
    const key = stat.size <= 4096 ? masterKeyFrom(readFileSync(file, 'utf8').trim()) : undefined
    if (key === undefined) {
      throw new Error(
        `${path} does not hold ${masterKeyBytes} bytes in base64; restore it from a backup, or set TOLLGATE_MASTER_KEY`,
      )
    }
    return key
  } finally {
    closeSync(file)
  }
}

function openIfThere(path: string): number | undefined {
  try {
    // Not blocking, so that a pipe of this name is complained about below instead of waited for.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ENOENT') return undefined
    if (code === 'EACCES') throw new Error(`${path} may not be read by this user; it belongs to the one that made it`)
    throw thrown
  }
}

/** Written in full under another name and then linked: two processes that start together agree on one key. */
function makeKey(path: string): Buffer {
  const key = randomBytes(masterKeyBytes)
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(draft, `${key.toString('base64')}\n`, { flag: 'wx', mode: 0o600, flush: true })
    linkSync(draft, path)
    flushFolder(dirname(path))
    return key
  } catch (thrown) {
    const theirs = codeOf(thrown) === 'EEXIST' ? readKey(path) : undefined
    if (theirs === undefined) throw thrown
    return theirs
  } finally {
    rmSync(draft, { force: true })
  }
}

// The name has to survive a power cut as well: rows will be sealed with this key before the next sync.
function flushFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : undefined
}
