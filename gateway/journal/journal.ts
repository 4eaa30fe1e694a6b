import type { Uuid } from '../domain/id.ts'
import type { Reading } from '../domain/usage.ts'
import type { RowText, UsageRow } from '../domain/usage-row.ts'

/**
 * What is written down and not yet delivered. The journal's promise: an answer that a client has in whole has its row
 * on disk, so a process may die at any moment and the next start delivers what it owed.
 *
 * "Written" is what the setting `durability` says: `process`, handed to the kernel, which survives the death of this
 * process at once and that of the machine after the next fdatasync, at most 50 ms later; `machine`, after that fdatasync.
 *
 * Where the disk takes nothing, the setting `onLoss` says whether calls go on. Either way rows of answers that were paid
 * for stay in memory, as many as there is room for, until the sinks have them or the disk has. Those of refusals have a
 * little room of their own.
 */
export interface Journal {
  /**
   * An attempt goes upstream. `row` is what would be known of it if this process died now (revision 0). Resolves when
   * it is written. Where it cannot be, it rejects with `journal_unavailable` under `refuse`, and nothing is remembered of
   * it; under `serve` it resolves all the same, and only a death of this process would tell.
   */
  open(row: UsageRow): Promise<void>
  /** An attempt that is still running has come this far. Written within the tick, or not at all: it is a hint. */
  progress(id: Uuid, reading: Reading): void
  /**
   * An attempt's outcome. Resolves when it is written, or where it cannot be, kept. Never fails: the answer was paid for,
   * and keeping it from the client would lose that too.
   */
  row(row: UsageRow): Promise<void>
  /**
   * Rows that whoever brings them still has. Resolves when all are written; where they cannot be, it rejects with
   * `journal_unavailable` and none is kept, under either policy.
   */
  take(rows: readonly UsageRow[]): Promise<void>
  /** Delivers what it can before a deadline; the rest stays on disk for the next start. */
  close(): Promise<void>
}

/**
 * Where rows go. Idempotent by attempt id and revision: the same rows twice change nothing. It throws where it cannot
 * take any now, and is asked again; rows that it will never take it puts aside itself.
 */
export interface UsageSink {
  write(rows: readonly RowText[]): Promise<void>
  /** How many rows it has put aside; without it none ever are. */
  readonly quarantined?: number
}

/** What the journal has to say to an operator; a pino logger is one. */
export interface JournalLog {
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
  error(detail: object, message: string): void
}
