import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../domain/clock.ts'
import { type Uuid, uuidV7 } from '../domain/id.ts'
import type { JournalSettings as Policy } from '../domain/settings.ts'
import { type RowText, rowText, type UsageRow } from '../domain/usage-row.ts'
import { Adoption } from './adoption.ts'
import type { Flush } from './delivery.ts'
import { DiskJournal } from './disk-journal.ts'
import type { Journal, JournalLog, UsageSink } from './journal.ts'
import { Kept } from './kept.ts'
import { Lane } from './lane.ts'
import { takeLock } from './lock.ts'
import { Segments } from './segments.ts'
import { type JournalStanding, standingOf } from './standing.ts'
import { makeFolder } from './sync-folder.ts'

export interface JournalSettings {
  /** A folder of its own, which processes may share. */
  readonly dir: string
  readonly clock: Clock
  /** Every row goes to each of them, by its name. */
  readonly sinks: Readonly<Record<string, UsageSink>>
  readonly log?: JournalLog
  /** Prices an orphan by the usage it is known to have had; without it cost and charge stay as at its open. */
  readonly reprice?: (row: UsageRow) => UsageRow
  /** What holds at this moment. */
  readonly policy?: () => Policy
  readonly flushEveryMs?: number
  readonly flushRows?: number
  readonly batchRowsMax?: number
  readonly memoryRowsMax?: number
  /** Rows that the disk does not take and that are kept in memory instead; and a tenth as many of refusals. */
  readonly keptRowsMax?: number
  readonly segmentBytesMax?: number
  readonly segmentAgeMsMax?: number
  readonly syncEveryMs?: number
  /** How often journals of processes that died meanwhile are looked for. */
  readonly adoptEveryMs?: number
  /** How long `close` goes on delivering. */
  readonly drainMsMax?: number
}

export interface OpenJournal extends Journal {
  standing(): JournalStanding
  /** From now on, tells of every write to a sink that succeeded. */
  watch(flushed: (flush: Flush) => void): void
  /** Ends when every sink has what dead processes left, or this journal is closed. Never fails. */
  readonly adopted: Promise<void>
}

const silent: JournalLog = { info: () => {}, warn: () => {}, error: () => {} }
const usual: Policy = { durability: 'process', onLoss: 'refuse' }

const defaults = {
  log: silent,
  reprice: (row: UsageRow): UsageRow => row,
  policy: () => usual,
  flushEveryMs: 250,
  flushRows: 1_000,
  batchRowsMax: 5_000,
  memoryRowsMax: 10_000,
  keptRowsMax: 10_000,
  segmentBytesMax: 16 << 20,
  segmentAgeMsMax: 60_000,
  syncEveryMs: 50,
  adoptEveryMs: 30_000,
  drainMsMax: 5_000,
}

/** Begins this process's journal in `dir` and takes over those of dead processes, in the background. */
export async function openJournal(given: JournalSettings): Promise<OpenJournal> {
  const settings = { ...defaults, ...given }
  const { dir, clock, log, policy, drainMsMax } = settings
  await makeFolder(dir)
  const boot = uuidV7(clock.now())
  const lock = takeLock(join(dir, `${boot}.lock`))
  if (!lock) throw new Error(`the lock of a new journal in ${dir} is taken`)

  let watcher: (flush: Flush) => void = () => {}
  const { journal, segments, kept, lanes } = partsOf(settings, boot, (flush) => watcher(flush))
  const take = (rows: readonly RowText[]) => journal.take(rows)
  const adoption = new Adoption({ ...settings, boot, take, sinks: lanes.map((lane) => (rows) => lane.deliver(rows)) })

  const close = async (): Promise<void> => {
    journal.close()
    await inTime(Promise.all(lanes.map((lane) => lane.drain())), drainMsMax)
    for (const lane of lanes) lane.stop()
    await adoption.stop()
    await segments.close()
    if (kept.atRisk > 0) log.error({ rows: kept.atRisk }, 'usage rows are lost: neither the disk nor a sink took them')
    const owed = lanes.some(({ backlog }) => backlog.rows > 0) || journal.liveAttempts + segments.left > 0
    if (owed) return lock.release()
    for (const segment of [...segments.all]) await segments.remove(segment)
    lock.remove()
  }
  let closed: Promise<void> | undefined

  return {
    open: (row) => journal.open(row),
    progress: (id, reading) => journal.progress(id, reading),
    row: (row) => journal.row(row),
    take: (rows) => journal.take(rows.map(rowText)),
    close: () => (closed ??= close()),
    adopted: adoption.first,
    standing: () => standingOf({ journal, segments, kept, lanes, found: adoption.found, policy: policy() }),
    watch(flushed) {
      watcher = flushed
    },
  }
}

function partsOf(settings: typeof defaults & JournalSettings, boot: Uuid, flushed: (flush: Flush) => void) {
  const { log, policy } = settings
  const segments = new Segments({ ...settings, boot })
  const sinks = Object.entries(settings.sinks)
  const kept = new Kept({ ...settings, sinks: sinks.length, safe: (id) => journal.forget(id) })
  const tidy = () => journal.tidy()
  const lanes = sinks.map(([name, sink]) => new Lane({ ...settings, name, sink, segments, kept, tidy, flushed }))
  const backlogs = lanes.map(({ backlog }) => backlog)
  const nudge = (): void => {
    for (const lane of lanes) lane.nudge()
  }
  const journal: DiskJournal = new DiskJournal({ segments, backlogs, kept, policy, log, nudge })
  segments.onSealed = () => void tidy()
  return { journal, segments, kept, lanes }
}

/** Waits for the work, but not past the deadline. */
async function inTime(work: Promise<unknown>, msMax: number): Promise<void> {
  const deadline = new AbortController()
  const timeout = sleep(msMax, undefined, { signal: deadline.signal }).catch(() => {})
  await Promise.race([work, timeout])
  deadline.abort()
}
