import type { JournalSettings as Policy } from '../domain/settings.ts'
import type { Found } from './dead-journal.ts'
import type { DiskJournal } from './disk-journal.ts'
import type { Kept } from './kept.ts'
import type { Lane, SinkStanding } from './lane.ts'
import type { DiskFailure, Segments } from './segments.ts'

/** How the journal fares, for metrics and `/health`. Counts are since the start of this process. */
export interface JournalStanding {
  /** Of the sink that has most of them to get. */
  readonly pendingRows: number
  readonly oldestPendingMs: number
  readonly sinks: readonly SinkStanding[]
  readonly liveAttempts: number
  readonly segments: number
  /** Pieces of journals that were no whole records, and were skipped. */
  readonly torn: number
  /** Attempts of dead processes that were closed without their outcome. */
  readonly orphans: number
  readonly writeErrors: number
  readonly syncErrors: number
  /** Opens that the disk did not take and whose attempts were made all the same. */
  readonly opensDropped: number
  /** Rows that only the memory of this process has. */
  readonly rowsAtRisk: number
  /** Rows that neither disk nor memory had room for. */
  readonly rowsLost: number
  /** The same of refusals, which nobody paid for. */
  readonly refusalsLost: number
  /** What fails now: writing at all, or only the promise that a crash of the machine keeps it. */
  readonly failing: DiskFailure | undefined
  /** What is wrong and what follows from it, in words. */
  readonly problem: string | undefined
}

export interface Parts {
  readonly lanes: readonly Lane[]
  readonly journal: DiskJournal
  readonly segments: Segments
  readonly kept: Kept
  readonly found: Found
  readonly policy: Policy
}

/** How these parts of a journal fare at this moment. */
export function standingOf({ lanes, journal, segments, kept, found, policy }: Parts): JournalStanding {
  const sinks = lanes.map((lane) => lane.standing())
  return {
    pendingRows: Math.max(0, ...sinks.map(({ pendingRows }) => pendingRows)),
    oldestPendingMs: Math.max(0, ...sinks.map(({ oldestPendingMs }) => oldestPendingMs)),
    sinks,
    liveAttempts: journal.liveAttempts,
    segments: segments.all.length,
    torn: lanes.reduce((sum, { backlog }) => sum + backlog.torn, found.torn),
    orphans: found.orphans,
    writeErrors: segments.writeErrors,
    syncErrors: segments.syncErrors,
    opensDropped: journal.opensDropped,
    rowsAtRisk: kept.atRisk,
    rowsLost: kept.lost,
    refusalsLost: kept.refusalsLost,
    failing: segments.failing,
    problem: problemOf(segments.failing, policy, kept.atRisk),
  }
}

const readings: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the disk is read-only',
  EIO: 'the disk fails',
}

function problemOf(failing: DiskFailure | undefined, policy: Policy, rowsAtRisk: number): string | undefined {
  const memory = rowsAtRisk > 0 ? `rows that only memory has: ${rowsAtRisk}` : undefined
  if (!failing) return memory
  const why = `${readings[failing.code] ?? 'the disk takes nothing'} (${failing.code})`
  if (failing.operation === 'fdatasync') return `${why}: a crash of the machine may lose the last rows`
  const calls = policy.onLoss === 'refuse' ? 'refused' : 'served'
  return [`${why}: calls are ${calls}`, ...(memory === undefined ? [] : [memory])].join('; ')
}
