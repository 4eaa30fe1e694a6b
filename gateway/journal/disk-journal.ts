import { Fault } from '../domain/fault.ts'
import type { Uuid } from '../domain/id.ts'
import type { Reading } from '../domain/usage.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { Backlog } from './backlog.ts'
import type { Journal } from './journal.ts'
import { bytesMax, encode, letters, type Progress } from './records.ts'
import type { Segment, Segments } from './segments.ts'

const scratchBytes = 256 * 1024

/** An attempt that is open: kept so that it can be carried forward when its segment leaves the disk. */
interface Live {
  readonly row: UsageRow
  readonly segment: Segment
  step: Progress | undefined
}

export interface DiskJournalSettings {
  readonly segments: Segments
  readonly backlog: Backlog
  /** A row was added to the backlog. */
  readonly nudge: () => void
}

/**
 * The writing half of the journal. Lines are gathered in a scratch buffer and handed to the kernel in one write: an
 * open's and a row's before the call returns, progress with the next of them or at the end of the tick.
 *
 * An open does not wait for the tick's end, though that would save its system call under load (1.6 of about 10 µs a
 * request): its request is on the wire by then, and a process that died in between would owe a row nobody knows of.
 *
 * Segments leave the disk oldest first, when their rows are delivered. An attempt that is still open in one is written
 * again to the current one before, so a stream of an hour does not keep an hour of segments.
 */
export class DiskJournal implements Pick<Journal, 'open' | 'progress' | 'row'> {
  readonly #settings: DiskJournalSettings
  readonly #live = new Map<Uuid, Live>()
  #scratch = Buffer.allocUnsafe(scratchBytes)
  #used = 0
  #writeScheduled = false
  #closed = false

  constructor(settings: DiskJournalSettings) {
    this.#settings = settings
  }

  /** Attempts that were opened and have no row yet. */
  get liveAttempts(): number {
    return this.#live.size
  }

  open(row: UsageRow): void {
    this.#gather(letters.open, row)
    this.#live.set(row.id, { row, segment: this.#write(), step: undefined })
  }

  progress(id: Uuid, reading: Reading): void {
    const live = this.#live.get(id)
    if (!live || this.#closed) return
    const { usage, source, raw } = reading
    live.step = { id, usage, source, ...(raw === undefined ? {} : { raw }) }
    this.#gather(letters.progress, live.step)
    this.#writeSoon()
  }

  row(row: UsageRow): void {
    this.#gather(letters.row, row)
    const bytes = this.#used
    const segment = this.#write()
    this.#live.delete(row.id)
    this.#settings.backlog.add(row, segment, segment.bytes - bytes)
    this.#settings.nudge()
  }

  /** Takes segments off the disk whose rows are all delivered. */
  async tidy(): Promise<void> {
    const { segments, backlog } = this.#settings
    for (;;) {
      // Asked for anew each time: another call may be doing the same.
      const oldest = segments.all[0]
      if (this.#closed || !oldest || oldest === segments.current || backlog.needs(oldest)) return
      if (!this.#carryForward(oldest)) return
      await segments.remove(oldest)
    }
  }

  /** Writes what is gathered; from here on nothing more is taken. */
  close(): void {
    if (this.#used > 0) this.#writeHints()
    this.#closed = true
  }

  #carryForward(segment: Segment): boolean {
    const moved: Live[] = []
    for (const live of this.#live.values()) {
      if (live.segment !== segment) continue
      this.#gather(letters.open, live.row)
      if (live.step) this.#gather(letters.progress, live.step)
      moved.push(live)
    }
    if (moved.length === 0) return true
    try {
      const current = this.#write()
      for (const { row, step } of moved) this.#live.set(row.id, { row, segment: current, step })
      return true
    } catch {
      // Counted and logged where it failed. The segment stays until a later try.
      return false
    }
  }

  #gather(letter: number, value: UsageRow | Progress): void {
    const json = JSON.stringify(value)
    const needed = this.#used + bytesMax(json)
    if (needed > this.#scratch.length) {
      const larger = Buffer.allocUnsafe(2 * needed)
      this.#scratch.copy(larger, 0, 0, this.#used)
      this.#scratch = larger
    }
    this.#used = encode(letter, json, this.#scratch, this.#used)
  }

  /** Where it fails, all that was gathered is forgotten: its caller is told, and hints are no loss. */
  #write(): Segment {
    const lines = this.#scratch.subarray(0, this.#used)
    this.#used = 0
    // A record of many megabytes is rare; its room is not kept.
    if (this.#scratch.length > 16 * scratchBytes) this.#scratch = Buffer.allocUnsafe(scratchBytes)
    if (this.#closed) throw new Fault('journal_unavailable', 'The usage journal is closed.')
    try {
      return this.#settings.segments.append(lines)
    } catch (cause) {
      throw new Fault('journal_unavailable', 'The usage journal cannot be written.', { cause })
    }
  }

  #writeSoon(): void {
    if (this.#writeScheduled) return
    this.#writeScheduled = true
    setImmediate(() => {
      this.#writeScheduled = false
      if (this.#used > 0) this.#writeHints()
    })
  }

  #writeHints(): void {
    try {
      this.#write()
    } catch {
      // Counted and logged where it failed; nobody waits for a hint.
    }
  }
}
