import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Uuid } from '../domain/id.ts'
import { type RowText, rowText, type UsageRow } from '../domain/usage-row.ts'
import { Undelivered } from './delivery.ts'
import type { JournalLog } from './journal.ts'
import { type Lock, takeLock } from './lock.ts'
import { OpenAttempts } from './open-attempts.ts'
import { readChunk } from './read-segment.ts'
import type { JournalRecord } from './records.ts'

export interface ReplaySettings {
  readonly dir: string
  /** This process's own journal, which is not for adoption. */
  readonly boot: Uuid
  /** Returns when the rows are delivered; throws where this process ends before. */
  readonly deliver: (rows: readonly RowText[]) => Promise<void>
  /** Prices an orphan by the usage it is known to have had. */
  readonly reprice: (row: UsageRow) => UsageRow
  readonly batchRowsMax: number
  readonly log: JournalLog
}

/** What was found in the journals of dead processes. */
export interface Replayed {
  readonly journals: number
  readonly rows: number
  readonly orphans: number
  readonly torn: number
}

const fileName = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-(\d+)\.log|\.lock)$/

export const nothing: Replayed = { journals: 0, rows: 0, orphans: 0, torn: 0 }

/**
 * Delivers what dead processes left behind, each journal under its own lock, so that of many that start at once one
 * has it. A journal leaves the disk when all of it is delivered; one that is replayed twice changes nothing. Never
 * fails: what cannot be read stays where it is, for a later try.
 */
export async function replay(settings: ReplaySettings): Promise<Replayed> {
  const { dir, boot, log } = settings
  let sum = nothing
  try {
    const boots = new Set((await readdir(dir)).flatMap((name) => fileName.exec(name)?.[1] ?? []))
    boots.delete(boot)
    // Ids of boots sort by time: the oldest rows first.
    for (const dead of [...boots].sort()) sum = add(sum, await adopt(dead, settings))
  } catch (error) {
    log.error({ error, dir }, 'the folder of the journals cannot be read')
  }
  return sum
}

async function adopt(dead: Uuid, settings: ReplaySettings): Promise<Replayed> {
  const { dir, log } = settings
  let lock: Lock | undefined
  try {
    lock = takeLock(join(dir, `${dead}.lock`))
    if (!lock) return nothing
    const found = await replayOne(dead, settings)
    lock.remove()
    lock = undefined
    if (found.rows + found.orphans + found.torn > 0) log.info({ boot: dead, ...found }, 'a dead journal was delivered')
    return found
  } catch (error) {
    if (!(error instanceof Undelivered)) log.error({ error, boot: dead }, 'a dead journal could not be delivered')
    return nothing
  } finally {
    lock?.release()
  }
}

async function replayOne(dead: Uuid, settings: ReplaySettings): Promise<Replayed> {
  const { dir, deliver, reprice, batchRowsMax } = settings
  // Listed under the lock: before it, another process may have been at them.
  const segments = await segmentsOf(dead, dir)
  const open = new OpenAttempts()
  const batch: RowText[] = []
  let rows = 0
  let torn = 0
  const take = (record: JournalRecord): void => {
    if (record.kind === 'open') {
      open.begin(record.row)
    } else if (record.kind === 'progress') {
      open.progress(record.step)
    } else {
      open.end(record.row.id)
      batch.push(record.row)
      rows++
    }
  }
  for (const segment of segments) {
    for await (const chunk of chunks(join(dir, segment))) {
      torn += chunk.torn
      chunk.records.forEach(take)
      while (batch.length >= batchRowsMax) await deliver(batch.splice(0, batchRowsMax))
    }
  }
  batch.push(...open.orphans(reprice).map(rowText))
  while (batch.length > 0) await deliver(batch.splice(0, batchRowsMax))
  for (const segment of segments) await unlink(join(dir, segment))
  return { journals: 1, rows, orphans: open.size, torn }
}

async function segmentsOf(boot: Uuid, dir: string): Promise<readonly string[]> {
  const numbered = (await readdir(dir)).flatMap((name) => {
    const [, owner, number] = fileName.exec(name) ?? []
    return owner === boot && number !== undefined ? [{ name, number: Number(number) }] : []
  })
  return numbered.sort((a, b) => a.number - b.number).map(({ name }) => name)
}

async function* chunks(path: string) {
  let start = 0
  for (;;) {
    const chunk = await readChunk(path, start)
    yield chunk
    if (chunk.last) return
    start = chunk.end
  }
}

/** Both together. */
export function add(a: Replayed, b: Replayed): Replayed {
  return {
    journals: a.journals + b.journals,
    rows: a.rows + b.rows,
    orphans: a.orphans + b.orphans,
    torn: a.torn + b.torn,
  }
}
