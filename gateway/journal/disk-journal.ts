import { Fault } from '../domain/fault.ts'
import type { Uuid } from '../domain/id.ts'
import { TransientMap } from '../domain/transient-map.ts'
import type { Reading } from '../domain/usage.ts'
import { rowText, type UsageRow } from '../domain/usage-row.ts'
import type { Backlog } from './backlog.ts'
import type { Journal } from './journal.ts'
import { bytesMax, encode, letters, type Progress } from './records.ts'
import type { Segment, Segments } from './segments.ts'

const scratchBytes = 256 * 1024

/** An attempt that is open: kept so that it can be carried forward when its segment leaves the disk. */
interface Live {
  readonly id: Uuid
  readonly json: string
  readonly segment: Segment
  step: Progress | undefined
}

/** What is to be done when a record is written. */
interface Waiter {
  /** In `segment`, at `offset`. */
  readonly written: (segment: Segment, offset: number) => void
  /** Where it begins in the scratch buffer. */
  readonly start: number
}

export interface DiskJournalSettings {
  readonly segments: Segments
  readonly backlog: Backlog
  /** A row was added to the backlog. */
  readonly nudge: () => void
}

/**
 * The writing half of the journal. Lines are gathered in a scratch buffer, and all that came in one turn of the event
 * loop goes to the kernel in one write at its end: under load one system call for many records, where two a request
 * cost more than all else here. Whoever needs a record written waits for that: an attempt is sent when its open is on
 * disk, and an answer has its end when its row is.
 *
 * Segments leave the disk oldest first, when their rows are delivered. An attempt that is still open in one is written
 * again to the current one before, so a stream of an hour does not keep an hour of segments.
 */
export class DiskJournal implements Pick<Journal, 'open' | 'progress' | 'row'> {
  readonly #settings: DiskJournalSettings
  readonly #live = new TransientMap<Uuid, Live>()
  #scratch = Buffer.allocUnsafe(scratchBytes)
  #used = 0
  #waiters: Waiter[] = []
  /** One for all who wait for the next write: they are told the same at the same time. */
  #turn: PromiseWithResolvers<void> | undefined
  #writeScheduled = false
  #closed = false

  constructor(settings: DiskJournalSettings) {
    this.#settings = settings
  }

  /** Attempts that were opened and have no row yet. */
  get liveAttempts(): number {
    return this.#live.size
  }

  open(row: UsageRow): Promise<void> {
    const { id, json } = rowText(row)
    return this.#put(letters.open, json, (segment) => this.#live.set(id, { id, json, segment, step: undefined }))
  }

  progress(id: Uuid, reading: Reading): void {
    const live = this.#live.get(id)
    if (!live || this.#closed) return
    const { usage, source, raw } = reading
    live.step = { id, usage, source, ...(raw === undefined ? {} : { raw }) }
    this.#gather(letters.progress, JSON.stringify(live.step))
    this.#writeSoon()
  }

  row(row: UsageRow): Promise<void> {
    const text = rowText(row)
    return this.#put(letters.row, text.json, (segment, offset) => {
      this.#live.take(text.id)
      this.#settings.backlog.add(text, segment, offset)
      this.#settings.nudge()
    })
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
    this.#write()
    this.#closed = true
  }

  #carryForward(segment: Segment): boolean {
    // What is gathered may be the end of an attempt, which has to stand behind its beginning.
    this.#write()
    const moved = [...this.#live.values()].filter((live) => live.segment === segment)
    if (moved.length === 0) return true
    for (const { json, step } of moved) {
      this.#gather(letters.open, json)
      if (step) this.#gather(letters.progress, JSON.stringify(step))
    }
    const current = this.#write()
    // Counted and logged where it failed. The segment stays until a later try.
    if (!current) return false
    for (const live of moved) this.#live.set(live.id, { ...live, segment: current })
    return true
  }

  #put(letter: number, json: string, written: Waiter['written']): Promise<void> {
    if (this.#closed) return Promise.reject(new Fault('journal_unavailable', 'The usage journal is closed.'))
    this.#waiters.push({ written, start: this.#used })
    this.#gather(letter, json)
    this.#writeSoon()
    this.#turn ??= Promise.withResolvers<void>()
    return this.#turn.promise
  }

  #gather(letter: number, json: string): void {
    const needed = this.#used + bytesMax(json)
    if (needed > this.#scratch.length) {
      const larger = Buffer.allocUnsafe(2 * needed)
      this.#scratch.copy(larger, 0, 0, this.#used)
      this.#scratch = larger
    }
    this.#used = encode(letter, json, this.#scratch, this.#used)
  }

  /** Writes what is gathered. Where that fails all of it is forgotten: those who wait are told, and hints are no loss. */
  #write(): Segment | undefined {
    if (this.#used === 0) return undefined
    const lines = this.#scratch.subarray(0, this.#used)
    const waiters = this.#waiters
    const turn = this.#turn
    this.#used = 0
    this.#waiters = []
    this.#turn = undefined
    // A record of many megabytes is rare; its room is not kept.
    if (this.#scratch.length > 16 * scratchBytes) this.#scratch = Buffer.allocUnsafe(scratchBytes)
    let segment: Segment
    try {
      segment = this.#settings.segments.append(lines)
    } catch (cause) {
      turn?.reject(new Fault('journal_unavailable', 'The usage journal cannot be written.', { cause }))
      return undefined
    }
    const from = segment.bytes - lines.length
    for (const { written, start } of waiters) written(segment, from + start)
    turn?.resolve()
    return segment
  }

  #writeSoon(): void {
    if (this.#writeScheduled) return
    this.#writeScheduled = true
    setImmediate(() => {
      this.#writeScheduled = false
      this.#write()
    })
  }
}
