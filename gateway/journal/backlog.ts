import type { Clock } from '../domain/clock.ts'
import type { RowText } from '../domain/usage-row.ts'
import type { JournalLog } from './journal.ts'
import type { Kept, KeptRow } from './kept.ts'
import { type Chunk, readChunk } from './read-segment.ts'
import type { Segment, Segments } from './segments.ts'

const readsMax = 5

/** Of JSON: what a sink is handed at once is also what it has in memory at once. */
const batchCharactersMax = 8 << 20

/** A written row on its way to a sink. */
interface Waiting {
  readonly row: RowText
  readonly segment: Segment
  readonly sinceMs: number
}

export interface BacklogSettings {
  readonly clock: Clock
  readonly log: JournalLog
  readonly segments: Segments
  readonly kept: Kept
  /** Rows kept in memory; those beyond are read again from disk, so that a lost ledger costs no memory. */
  readonly memoryRowsMax: number
}

/**
 * The rows that a sink has yet to get, in the order they were written. The oldest are in memory; where they are too
 * many, all from the cursor on are on disk only, until reading has caught up with writing. Rows that the disk did not
 * take go first: nobody else has them.
 */
export class Backlog {
  readonly #settings: BacklogSettings
  #queue: Waiting[] = []
  #kept: KeptRow[] = []
  #cursor: { readonly segment: Segment; readonly offset: number } | undefined
  #unread = 0
  #taken: readonly Waiting[] = []
  #takenKept: readonly KeptRow[] = []
  #readFailures = 0
  torn = 0

  constructor(settings: BacklogSettings) {
    this.#settings = settings
  }

  /** Rows that the sink does not have. */
  get rows(): number {
    return this.#takenKept.length + this.#kept.length + this.#taken.length + this.#queue.length + this.#unread
  }

  /** For how long the oldest of them has waited; of one that was read again, at most so long. */
  get oldestMs(): number {
    const written = (this.#taken[0] ?? this.#queue[0])?.sinceMs ?? this.#cursor?.segment.createdMs
    const kept = (this.#takenKept[0] ?? this.#kept[0])?.sinceMs
    const since = Math.min(written ?? Number.POSITIVE_INFINITY, kept ?? Number.POSITIVE_INFINITY)
    return since === Number.POSITIVE_INFINITY ? 0 : this.#settings.clock.elapsed() - since
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

  /** A row could not be written. */
  keep(kept: KeptRow): void {
    this.#kept.push(kept)
  }

  /** The next rows; they count as waiting until they are settled. Where it throws, none is taken. */
  async take(rowsMax: number): Promise<readonly RowText[]> {
    while (this.#cursor && this.#queue.length < rowsMax) this.#cursor = await this.#readOn(this.#cursor)
    this.#takenKept = batchOf(this.#kept, rowsMax)
    this.#taken = this.#takenKept.length > 0 ? [] : batchOf(this.#queue, rowsMax)
    return [...this.#takenKept, ...this.#taken].map(({ row }) => row)
  }

  /** What was taken is delivered. */
  settle(): void {
    for (const kept of this.#takenKept) this.#settings.kept.delivered(kept)
    for (const { segment } of this.#taken) segment.waiting--
    this.#takenKept = []
    this.#taken = []
  }

  /** Whether rows of this segment, which is the oldest, are still to be read. */
  reads(segment: Segment): boolean {
    return this.#cursor?.segment === segment
  }

  async #readOn({ segment, offset }: { readonly segment: Segment; readonly offset: number }) {
    const { segments } = this.#settings
    if (offset < segment.bytes) {
      const chunk = await this.#read(segment, offset)
      if (chunk) {
        this.#queueRows(segment, chunk)
        if (chunk.end > offset) return { segment, offset: chunk.end }
        this.#leave(segment, new Error(`it ends before byte ${segment.bytes}`))
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
      this.#leave(segment, error)
      return undefined
    }
  }

  #leave(segment: Segment, error: unknown): void {
    this.#settings.segments.leave(segment)
    this.#settings.log.error({ error, segment: segment.path }, 'a journal segment cannot be read; it is left')
  }

  #queueRows(segment: Segment, { records, torn }: Chunk): void {
    this.torn += torn
    for (const record of records) {
      // A copy of a kept row is for the next start: this process has the row itself.
      if (record.kind !== 'row') continue
      segment.waiting++
      this.#unread--
      this.#queue.push({ row: record.row, segment, sinceMs: segment.createdMs })
    }
  }
}

/** Takes the first few out of the queue: so many rows at most, and not too much text; but one. */
function batchOf<T extends { readonly row: RowText }>(queue: T[], rowsMax: number): readonly T[] {
  let characters = 0
  const tooMany = queue.findIndex(({ row }, index) => {
    characters += row.json.length
    return index > 0 && (index >= rowsMax || characters > batchCharactersMax)
  })
  return queue.splice(0, tooMany < 0 ? queue.length : tooMany)
}
