import type { Clock } from '../domain/clock.ts'
import type { Uuid } from '../domain/id.ts'
import type { RowText } from '../domain/usage-row.ts'
import type { Segment } from './segments.ts'

/** A row that the disk did not take. */
export interface KeptRow {
  readonly row: RowText
  readonly sinceMs: number
  /** Nobody paid for it: it must not take the place of one that was paid for. */
  readonly refusal: boolean
}

interface Owed {
  /** How many sinks have yet to get it. */
  sinks: number
  /** Where a copy of it was written since. */
  segment: Segment | undefined
}

export interface KeptSettings {
  readonly clock: Clock
  readonly keptRowsMax: number
  /** How many sinks each row is for. */
  readonly sinks: number
  /** A row is at risk no longer. */
  readonly safe: (id: Uuid) => void
}

/**
 * Rows that the disk did not take, in memory until every sink has them. When the disk takes something again, a copy of
 * each is written for the next start: until then they are at risk, since the death of this process would lose them.
 */
export class Kept {
  readonly #settings: KeptSettings
  readonly #owed = new Map<KeptRow, Owed>()
  readonly #atRisk = new Set<KeptRow>()
  #refusals = 0
  /** Rows for which there was no room here either. */
  lost = 0
  /** The same of refusals. */
  refusalsLost = 0

  constructor(settings: KeptSettings) {
    this.#settings = settings
  }

  get atRisk(): number {
    return this.#atRisk.size
  }

  /** Keeps a row, or counts it as lost where there are too many. */
  keep(row: RowText, refusal: boolean): KeptRow | undefined {
    const { clock, sinks } = this.#settings
    if (!this.#hasRoom(refusal)) {
      if (refusal) this.refusalsLost++
      else this.lost++
      return undefined
    }
    const kept = { row, sinceMs: clock.elapsed(), refusal }
    if (refusal) this.#refusals++
    this.#owed.set(kept, { sinks, segment: undefined })
    this.#atRisk.add(kept)
    return kept
  }

  #hasRoom(refusal: boolean): boolean {
    const { keptRowsMax } = this.#settings
    return refusal ? this.#refusals < keptRowsMax / 10 : this.#owed.size - this.#refusals < keptRowsMax
  }

  /** The oldest that are at risk. */
  oldest(rowsMax: number): readonly KeptRow[] {
    return [...this.#atRisk].slice(0, rowsMax)
  }

  /** A copy of it was written to this segment. */
  written(kept: KeptRow, segment: Segment): void {
    const owed = this.#owed.get(kept)
    if (!owed) return
    owed.segment = segment
    segment.waiting += owed.sinks
    this.#atRisk.delete(kept)
    this.#settings.safe(kept.row.id)
  }

  /** One sink has it. */
  delivered(kept: KeptRow): void {
    const owed = this.#owed.get(kept)
    if (!owed) return
    if (owed.segment) owed.segment.waiting--
    if (--owed.sinks > 0) return
    if (kept.refusal) this.#refusals--
    this.#owed.delete(kept)
    this.#atRisk.delete(kept)
    this.#settings.safe(kept.row.id)
  }
}
