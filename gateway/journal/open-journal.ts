import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import type { RowText, UsageRow } from '../domain/usage-row.ts'
import { Backlog } from './backlog.ts'
import { Delivery, type Flush } from './delivery.ts'
import { DiskJournal } from './disk-journal.ts'
import { Flusher } from './flusher.ts'
import type { Journal, JournalLog, UsageSink } from './journal.ts'
import { takeLock } from './lock.ts'
import { add, nothing, replay } from './replay.ts'
import { Segments } from './segments.ts'

export interface JournalSettings {
  /** A folder of its own, which processes may share. */
  readonly dir: string
  readonly clock: Clock
  readonly sink: UsageSink
  readonly log?: JournalLog
  /** Prices an orphan by the usage it is known to have had; without it cost and charge stay as at its open. */
  readonly reprice?: (row: UsageRow) => UsageRow
  readonly flushEveryMs?: number
  readonly flushRows?: number
  readonly memoryRowsMax?: number
  readonly segmentBytesMax?: number
  readonly segmentAgeMsMax?: number
  readonly syncEveryMs?: number
  /** How often journals of processes that died meanwhile are looked for. */
  readonly adoptEveryMs?: number
  /** How long `close` goes on delivering. */
  readonly drainMsMax?: number
}

/** How the journal fares, for metrics and `/health`. Counts are since the start of this process. */
export interface JournalStanding {
  readonly pendingRows: number
  readonly oldestPendingMs: number
  readonly liveAttempts: number
  readonly segments: number
  readonly delivered: number
  readonly quarantined: number
  /** Pieces of journals that were no whole records, and were skipped. */
  readonly torn: number
  /** Attempts of dead processes that were closed without their outcome. */
  readonly orphans: number
  readonly writeErrors: number
  readonly syncErrors: number
  /** Tries to deliver that failed. */
  readonly deliveryErrors: number
  readonly lastFlush: Flush | undefined
  /** What fails now: writing at all, or only the promise that a crash of the machine keeps it. */
  readonly failing: 'write' | 'fdatasync' | undefined
}

export interface OpenJournal extends Journal {
  standing(): JournalStanding
  /** Ends when what dead processes left was delivered, or this journal is closed. Never fails. */
  readonly adopted: Promise<void>
}

const silent: JournalLog = { info: () => {}, warn: () => {}, error: () => {} }

const defaults = {
  log: silent,
  reprice: (row: UsageRow): UsageRow => row,
  flushEveryMs: 250,
  flushRows: 1_000,
  memoryRowsMax: 10_000,
  segmentBytesMax: 16 << 20,
  segmentAgeMsMax: 60_000,
  syncEveryMs: 50,
  adoptEveryMs: 30_000,
  drainMsMax: 5_000,
}

/** Begins this process's journal in `dir` and takes over those of dead processes, in the background. */
export async function openJournal(given: JournalSettings): Promise<OpenJournal> {
  const settings = { ...defaults, ...given }
  const { dir, clock, flushRows, adoptEveryMs, drainMsMax } = settings
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const boot = uuidV7(clock.now())
  const lock = takeLock(join(dir, `${boot}.lock`))
  if (!lock) throw new Error(`the lock of a new journal in ${dir} is taken`)

  const segments = new Segments({ ...settings, boot })
  const delivery = new Delivery({ ...settings, quarantinePath: join(dir, 'quarantine.jsonl') })
  const backlog = new Backlog({ ...settings, segments })
  const journal: DiskJournal = new DiskJournal({ segments, backlog, nudge: () => flusher.nudge() })
  const flusher = new Flusher({ ...settings, backlog, delivery, tidy: () => journal.tidy() })
  segments.onSealed = () => void journal.tidy()

  let found = nothing
  let nextAdoption: NodeJS.Timeout | undefined
  const adopt = async (): Promise<void> => {
    const deliver = (rows: readonly RowText[]) => delivery.deliver(rows)
    found = add(found, await replay({ ...settings, boot, deliver, batchRows: flushRows }))
    if (!delivery.stopped) nextAdoption = setTimeout(adoptAgain, adoptEveryMs).unref()
  }
  const adopted = adopt()
  let adopting = adopted
  const adoptAgain = (): void => {
    adopting = adopt()
  }

  const close = async (): Promise<void> => {
    journal.close()
    delivery.hurry()
    await inTime(flusher.drain(), drainMsMax)
    delivery.stop()
    clearTimeout(nextAdoption)
    await adopting
    await segments.close()
    const owed = backlog.rows + journal.liveAttempts + segments.left
    if (owed > 0) return lock.release()
    for (const segment of [...segments.all]) await segments.remove(segment)
    lock.remove()
  }
  let closed: Promise<void> | undefined

  return {
    open: (row) => journal.open(row),
    progress: (id, reading) => journal.progress(id, reading),
    row: (row) => journal.row(row),
    close: () => (closed ??= close()),
    adopted,
    standing: () => ({
      pendingRows: backlog.rows,
      oldestPendingMs: backlog.oldestMs,
      liveAttempts: journal.liveAttempts,
      segments: segments.all.length,
      delivered: delivery.delivered,
      quarantined: delivery.quarantined,
      torn: backlog.torn + found.torn,
      orphans: found.orphans,
      writeErrors: segments.writeErrors,
      syncErrors: segments.syncErrors,
      deliveryErrors: delivery.failures,
      lastFlush: delivery.last,
      failing: segments.failing,
    }),
  }
}

/** Waits for the work, but not past the deadline. */
async function inTime(work: Promise<void>, msMax: number): Promise<void> {
  const deadline = new AbortController()
  const timeout = sleep(msMax, undefined, { signal: deadline.signal }).catch(() => {})
  await Promise.race([work, timeout])
  deadline.abort()
}
