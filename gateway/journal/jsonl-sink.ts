import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { timeOf } from '../domain/id.ts'
import type { RowText } from '../domain/usage-row.ts'
import type { UsageSink } from './journal.ts'
import { type Lock, takeLock } from './lock.ts'
import { makeFolder, syncFolder } from './sync-folder.ts'

const lineFeed = 0x0a
const lockTries = 100
const lockEveryMs = 20
const tailBytes = 1 << 16

/**
 * A folder with every row as a line of JSON, in a file for each UTC day that attempts began on: `usage-2026-11-22.jsonl`.
 * A row may stand there more than once: again, after a death in the middle of a batch, or in a later revision. Of one
 * `id` the line with the highest `revision` counts.
 *
 * A write returns when its lines are on the disk itself. What a death left behind the last line break is cut off before
 * the next line. Gateways that share a folder write one at a time.
 */
export class JsonlSink implements UsageSink {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async write(rows: readonly RowText[]): Promise<void> {
    await makeFolder(this.#folder)
    const lock = await this.#lock()
    try {
      for (const [day, ofDay = []] of Map.groupBy(rows, dayOf)) {
        const lines = Buffer.from(ofDay.map(({ json }) => `${json}\n`).join(''))
        await this.#append(`usage-${day}.jsonl`, lines)
      }
    } finally {
      lock.release()
    }
  }

  /** Somebody else's write takes some milliseconds. */
  async #lock(): Promise<Lock> {
    for (let tries = 0; tries < lockTries; tries++) {
      const lock = takeLock(join(this.#folder, 'usage.lock'))
      if (lock) return lock
      await sleep(lockEveryMs * (0.5 + Math.random()))
    }
    throw new Error(`another process holds ${this.#folder}`)
  }

  async #append(name: string, lines: Buffer): Promise<void> {
    const file = await open(join(this.#folder, name), 'a+', 0o600)
    try {
      const whole = await wholeBytes(file)
      try {
        await file.appendFile(lines)
      } catch (error) {
        // All of it comes again.
        await file.truncate(whole)
        throw error
      }
      await file.datasync()
      if (whole === 0) await syncFolder(this.#folder)
    } finally {
      await file.close()
    }
  }
}

/** Where the next line begins: behind the last line break. What a death left there is cut off. */
async function wholeBytes(file: FileHandle): Promise<number> {
  const { size } = await file.stat()
  let end = size
  const tail = Buffer.alloc(Math.min(tailBytes, size))
  while (end > 0) {
    const start = Math.max(0, end - tail.length)
    const { bytesRead } = await file.read(tail, 0, end - start, start)
    const lineEnd = tail.subarray(0, bytesRead).lastIndexOf(lineFeed)
    end = lineEnd < 0 ? start : start + lineEnd + 1
    if (lineEnd >= 0) break
  }
  if (end < size) await file.truncate(end)
  return end
}

/** The UTC day that an attempt began on, or that it is not to be told. */
function dayOf({ id }: RowText): string {
  const at = new Date(timeOf(id))
  const day = Number.isNaN(at.getTime()) ? '' : at.toISOString().slice(0, 10)
  return /^\d{4}-\d\d-\d\d$/.test(day) ? day : 'undated'
}
