import type { Clock } from '../domain/clock.ts'
import type { RowText } from '../domain/usage-row.ts'
import type { JournalLog } from './journal.ts'
import { type Chunk, readChunk } from './read-segment.ts'
import type { Segment, Segments } from './segments.ts'

const readsMax = 5

/** A written row on its way to the ledger. */
export interface Waiting {
  readonly row: RowText
  readonly segment: Segment
  readonly sinceMs: number
}

export interface BacklogSettings {
  readonly clock: Clock
  readonly log: JournalLog
  readonly segments: Segments
  /** Rows kept in memory; those beyond are read again from disk, so that a lost ledger costs no memory. */
  readonly memoryRowsMax: number
}

/**
 * The rows that await delivery, in the order they were written. The oldest are in memory; where they are too many, all
 * from the cursor on are on disk only, until reading has caught up with writing.
 */
export class Backlog {
  readonly #settings: BacklogSettings
  #queue: Waiting[] = []
  #cursor: { readonly segment: Segment; readonly offset: number } | undefined
  #unread = 0
  #taken: readonly Waiting[] = []
  #readFailures = 0
  torn = 0

  constructor(settings: BacklogSettings) {
    this.#settings = settings
  }

  /** Rows that are written and not settled. */
  get rows(): number {
    return this.#taken.length + this.#queue.length + this.#unread
  }

  /** For how long the oldest of them has waited; of one that was read again, at most so long. */
  get oldestMs(): number {
    const since = (this.#taken[0] ?? this.#queue[0])?.sinceMs ?? this.#cursor?.segment.createdMs
    return since === undefined ? 0 : this.#settings.clock.elapsed() - since
  }

  /** A row was written to this segment, at this offset. */
  add(row: RowText, segment: Segment, offset: number): void {
    if (this.#cursor || this.#queue.length >= this.#settings.memoryRowsMax) {
      this.#cursor ??= { segment, offset }
      this.#unread++
      return
    }
    segment.waiting++
    this.#queue.push({ row, segment, sinceMs: this.#settings.clock.elapsed() })
  }

  /** The next rows in order; they count as waiting until they are settled. */
  async take(rowsMax: number): Promise<readonly Waiting[]> {
    while (this.#cursor && this.#queue.length < rowsMax) this.#cursor = await this.#readOn(this.#cursor)
    this.#taken = this.#queue.splice(0, rowsMax)
    return this.#taken
  }

  /** What was taken is delivered. */
  settle(): void {
    for (const { segment } of this.#taken) segment.waiting--
    this.#taken = []
  }

  /** Whether rows of this segment, which is the oldest, are still to be delivered. */
  needs(segment: Segment): boolean {
    return segment.waiting > 0 || this.#cursor?.segment === segment
  }

  async #readOn({ segment, offset }: { readonly segment: Segment; readonly offset: number }) {
    const { segments } = this.#settings
    if (offset < segment.bytes) {
      const chunk = await this.#read(segment, offset)
      if (chunk) {
        this.#queueRows(segment, chunk)
        return { segment, offset: chunk.end }
      }
    }
    const next = segments.after(segment)
    if (next) return { segment: next, offset: 0 }
    // Caught up with writing. Rows that could not be read again are no longer waited for.
    this.#unread = 0
    return undefined
  }

  /** Throws where a second try may help; gives the segment up where many did not. */
  async #read(segment: Segment, offset: number): Promise<Chunk | undefined> {
    try {
      const chunk = await readChunk(segment.path, offset, segment.bytes)
      this.#readFailures = 0
      return chunk
    } catch (error) {
      if (++this.#readFailures < readsMax) throw error
      this.#readFailures = 0
      this.#settings.segments.leave(segment)
      this.#settings.log.error({ error, segment: segment.path }, 'a journal segment cannot be read; it is left')
      return undefined
    }
  }

  #queueRows(segment: Segment, { records, torn }: Chunk): void {
    this.torn += torn
    for (const record of records) {
      if (record.kind !== 'row') continue
      segment.waiting++
      this.#unread--
      this.#queue.push({ row: record.row, segment, sinceMs: segment.createdMs })
    }
  }
}
