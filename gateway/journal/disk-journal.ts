import { Fault } from '../domain/fault.ts'
import type { Uuid } from '../domain/id.ts'
import type { JournalSettings as Policy } from '../domain/settings.ts'
import { TransientMap } from '../domain/transient-map.ts'
import type { Reading } from '../domain/usage.ts'
import { type RowText, rowText, type UsageRow } from '../domain/usage-row.ts'
import type { Backlog } from './backlog.ts'
import type { Journal, JournalLog } from './journal.ts'
import type { Kept } from './kept.ts'
import { letters, type Progress } from './records.ts'
import { Scratch } from './scratch.ts'
import type { Segment, Segments } from './segments.ts'

const rescueEveryMs = 1_000
const rescueRows = 500

/** An attempt that is open: remembered so that it can be carried forward when its segment leaves the disk. */
interface Live {
  readonly id: Uuid
  readonly json: string
  readonly segment: Segment
  step: Progress | undefined
}

/** Records of one kind that go out with the next write, and whoever waits for them: all are told at the same time. */
interface Waiting<T> {
  readonly records: { readonly of: T; readonly start: number }[]
  readonly turn: PromiseWithResolvers<void>
}

/** What goes out with the next write. */
interface Gathered {
  opens?: Waiting<Pick<Live, 'id' | 'json'>>
  rows?: Waiting<{ readonly row: RowText; readonly refusal: boolean }>
  /** Rows that whoever brought them still has. */
  taken?: Waiting<RowText>
}

export interface DiskJournalSettings {
  readonly segments: Segments
  /** What each sink has yet to get. */
  readonly backlogs: readonly Backlog[]
  readonly kept: Kept
  readonly policy: () => Policy
  readonly log: JournalLog
  /** A row was added to the backlogs. */
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
 *
 * An attempt whose row the disk did not take stays open there until the row is safe: were this process to die, the next
 * would book what it knows.
 */
export class DiskJournal implements Pick<Journal, 'open' | 'progress' | 'row'> {
  readonly #settings: DiskJournalSettings
  readonly #live = new TransientMap<Uuid, Live>()
  readonly #scratch = new Scratch()
  #gathered: Gathered = {}
  /** Attempts that were refused though their opens are written: to be said there before this process dies. */
  readonly #unsent = new Set<Uuid>()
  #writeScheduled = false
  #rescueTimer: NodeJS.Timeout | undefined
  #closed = false
  /** Opens that the disk did not take and whose attempts were made all the same. */
  opensDropped = 0

  constructor(settings: DiskJournalSettings) {
    this.#settings = settings
  }

  /** Attempts that were opened and have no row yet. */
  get liveAttempts(): number {
    return this.#live.size
  }

  open(row: UsageRow): Promise<void> {
    if (this.#closed) return Promise.reject(closed())
    const opened = rowText(row)
    this.#gathered.opens ??= waiting()
    const { records, turn } = this.#gathered.opens
    records.push({ of: opened, start: this.#scratch.used })
    this.#gather(letters.open, opened.json)
    return turn.promise
  }

  progress(id: Uuid, reading: Reading): void {
    const live = this.#live.get(id)
    if (!live || this.#closed) return
    const { usage, source, raw } = reading
    live.step = { id, usage, source, ...(raw === undefined ? {} : { raw }) }
    this.#gather(letters.progress, JSON.stringify(live.step))
  }

  row(given: UsageRow): Promise<void> {
    const outcome = { row: rowText(given), refusal: given.attempt === 0 }
    if (this.#closed) {
      // While the close delivers, it goes with the others.
      this.#settings.log.error({ attempt: given.id }, 'a usage row came after the close of the journal')
      this.#keep(outcome)
      return Promise.resolve()
    }
    this.#gathered.rows ??= waiting()
    const { records, turn } = this.#gathered.rows
    records.push({ of: outcome, start: this.#scratch.used })
    this.#gather(letters.row, outcome.row.json)
    return turn.promise
  }

  /** In one write: all of them or none. */
  take(rows: readonly RowText[]): Promise<void> {
    if (this.#closed) return Promise.reject(closed())
    if (rows.length === 0) return Promise.resolve()
    this.#gathered.taken ??= waiting()
    const { records, turn } = this.#gathered.taken
    for (const row of rows) {
      records.push({ of: row, start: this.#scratch.used })
      this.#gather(letters.row, row.json)
    }
    return turn.promise
  }

  /** The row of this attempt cannot be lost any more. */
  forget(id: Uuid): void {
    this.#live.take(id)
  }

  /** Takes segments off the disk whose rows are all delivered. */
  async tidy(): Promise<void> {
    const { segments, backlogs } = this.#settings
    for (;;) {
      // Asked for anew each time: another call may be doing the same.
      const oldest = segments.all[0]
      if (this.#closed || !oldest || oldest === segments.current) return
      if (oldest.waiting > 0 || backlogs.some((backlog) => backlog.reads(oldest))) return
      if (!this.#carryForward(oldest)) return
      await segments.remove(oldest)
    }
  }

  /** Writes what is gathered; from here on nothing more is taken. */
  close(): void {
    this.#write()
    this.#rescue(Number.POSITIVE_INFINITY)
    clearTimeout(this.#rescueTimer)
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

  #gather(letter: number, json: string): void {
    this.#scratch.add(letter, json)
    if (this.#writeScheduled) return
    this.#writeScheduled = true
    setImmediate(() => {
      this.#writeScheduled = false
      this.#write()
    })
  }

  /** Writes what is gathered. Where that fails all of it is forgotten but rows, which are kept: hints are no loss. */
  #write(): Segment | undefined {
    if (this.#scratch.used === 0) return undefined
    const gathered = this.#gathered
    this.#gathered = {}
    const lines = this.#scratch.take()
    const appended = this.#settings.segments.append(lines)
    const { segment } = appended
    if (!segment) {
      this.#notWritten(gathered, appended.cause, appended.remains)
      return undefined
    }
    const { opens, rows, taken } = gathered
    const from = segment.bytes - lines.length
    // Opens first: an attempt's row may have come in the same turn.
    for (const { of } of opens?.records ?? []) this.#live.set(of.id, { ...of, segment, step: undefined })
    for (const { of, start } of rows?.records ?? []) this.#owe(of.row, segment, from + start)
    for (const { of, start } of taken?.records ?? []) this.#owe(of, segment, from + start)
    if (rows || taken) this.#settings.nudge()
    this.#tell(gathered)
    return segment
  }

  #owe(row: RowText, segment: Segment, offset: number): void {
    this.#live.take(row.id)
    for (const backlog of this.#settings.backlogs) backlog.add(row, segment, offset)
  }

  #notWritten({ opens, rows, taken }: Gathered, cause: unknown, remains: boolean): void {
    for (const { of } of rows?.records ?? []) this.#keep(of)
    rows?.turn.resolve()
    taken?.turn.reject(unavailable(cause))
    this.#dropped(opens, cause, remains)
    this.#rescueIn(rescueEveryMs)
  }

  /** Tells those who wait that their records are written; for `machine`, when they are on the disk itself. */
  #tell({ opens, rows, taken }: Gathered): void {
    const { policy, segments } = this.#settings
    if (policy().durability === 'process') {
      for (const told of [opens, rows, taken]) told?.turn.resolve()
      return
    }
    if (!opens && !rows && !taken) return
    void segments.sync().then((held) => {
      // Rows that the disk itself may not have are still on their way to the sinks.
      rows?.turn.resolve()
      if (held) {
        opens?.turn.resolve()
        taken?.turn.resolve()
        return
      }
      const cause = new Error('what was written could not be forced to the disk')
      taken?.turn.reject(unavailable(cause))
      this.#dropped(opens, cause, true)
    })
  }

  /** The disk did not take these opens: their attempts are not made, or made without. */
  #dropped(opens: Gathered['opens'], cause: unknown, written: boolean): void {
    if (!opens) return
    if (this.#settings.policy().onLoss === 'serve') {
      this.opensDropped += opens.records.length
      opens.turn.resolve()
      return
    }
    for (const { of } of opens.records) {
      this.#live.take(of.id)
      if (written) this.#unsent.add(of.id)
    }
    if (written) this.#rescueIn(0)
    opens.turn.reject(unavailable(cause))
  }

  #keep({ row, refusal }: { readonly row: RowText; readonly refusal: boolean }): void {
    const { kept, backlogs, log, nudge } = this.#settings
    const keptRow = kept.keep(row, refusal)
    if (!keptRow) {
      if (kept.lost === 1 && !refusal)
        log.error({ attempt: row.id }, 'usage rows are being lost: neither disk nor memory has room')
      return
    }
    for (const backlog of backlogs) backlog.keep(keptRow)
    nudge()
  }

  /** Writes what only memory has, so many rows at a time, and the others soon, or later where the disk takes none. */
  #rescue(rowsMax: number): void {
    const { kept, segments } = this.#settings
    this.#rescueTimer = undefined
    this.#write()
    const rows = kept.oldest(rowsMax)
    for (const { row } of rows) this.#gather(letters.kept, row.json)
    const unsent = [...this.#unsent]
    for (const id of unsent) this.#gather(letters.unsent, JSON.stringify({ id }))
    // With nothing to save, a hint about nobody finds out whether the disk takes something again.
    const idle = rows.length + unsent.length === 0
    if (idle && segments.failing?.operation === 'write') this.#gather(letters.progress, '{"id":""}')
    const segment = this.#write()
    if (!segment) return
    for (const row of rows) kept.written(row, segment)
    for (const id of unsent) this.#unsent.delete(id)
    if (kept.atRisk > 0) this.#rescueIn(0)
  }

  #rescueIn(ms: number): void {
    if (this.#closed) return
    this.#rescueTimer ??= setTimeout(() => this.#rescue(rescueRows), ms).unref()
  }
}

function waiting<T>(): Waiting<T> {
  return { records: [], turn: Promise.withResolvers() }
}

function closed(): Fault {
  return new Fault('journal_unavailable', 'The usage journal is closed.')
}

function unavailable(cause: unknown): Fault {
  return new Fault('journal_unavailable', 'The usage journal cannot be written.', { cause })
}
