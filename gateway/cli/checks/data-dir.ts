import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemClock } from '../../domain/clock.ts'
import { claimDataDir, DataDirInUse } from '../../ledger/data-dir.ts'
import { size } from '../format.ts'
import { type Check, failed, ok, warning, wordsOf } from './check.ts'

/** Less, and the journal or PostgreSQL will soon have no room for a row. */
const tightBytes = 1_000_000_000
const fullBytes = 100_000_000

/** Whether the data directory can be used, and who has it. */
export function checkDataDir(path: string): Check {
  const name = 'data directory'
  const elsewhere = 'let this user write there, or set TOLLGATE_DATA_DIR'
  if (!existsSync(path)) {
    const parent = nearest(path)
    if (!isWritable(parent)) return failed(name, `${path} is not there, and ${parent} may not be written`, elsewhere)
    return ok(name, `${path}, which the first start makes`)
  }
  if (!isWritable(path)) return failed(name, `${path} may not be written by this user`, elsewhere)
  try {
    claimDataDir(path, systemClock).release()
    return ok(name, `${path}, free: no gateway has it`)
  } catch (error) {
    if (!(error instanceof DataDirInUse)) return failed(name, wordsOf(error), elsewhere)
    const { owner } = error
    const who = owner ? `pid ${owner.pid}, since ${owner.started_at}` : 'which does not say who it is'
    return ok(name, `${path}, of the gateway that runs (${who})`)
  }
}

/** Whether there is room where the data directory is, or will be. */
export function checkDisk(path: string): Check {
  const place = nearest(path)
  const { bavail, bsize } = statfsSync(place)
  const free = bavail * bsize
  const found = `${size(free)} free at ${place}`
  const fix = 'make room, or put the data directory on another disk: TOLLGATE_DATA_DIR'
  if (free < fullBytes) return failed('disk', found, fix)
  return free < tightBytes ? warning('disk', found, fix) : ok('disk', found)
}

function nearest(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path))
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}
