import type { Uuid } from '../domain/id.ts'
import type { Reading } from '../domain/usage.ts'
import type { RowText, UsageRow } from '../domain/usage-row.ts'

/**
 * What is written down and not yet delivered. The journal's promise: an answer that a client has in whole has its row
 * on disk, so a process may die at any moment and the next start delivers what it owed.
 *
 * "Written" means handed to the kernel: it survives the death of this process at once, and that of the machine after
 * the next fdatasync, at most 50 ms later.
 */
export interface Journal {
  /**
   * An attempt goes upstream. `row` is what would be known of it if this process died now (revision 0). Resolves when
   * it is written; rejects with `journal_unavailable` where it cannot be, and then nothing is remembered of it.
   */
  open(row: UsageRow): Promise<void>
  /** An attempt that is still running has come this far. Written within the tick, or not at all: it is a hint. */
  progress(id: Uuid, reading: Reading): void
  /** An attempt's outcome. Resolves when it is written; rejects with `journal_unavailable` where it cannot be. */
  row(row: UsageRow): Promise<void>
  /** Delivers what it can before a deadline; the rest stays on disk for the next start. */
  close(): Promise<void>
}

/**
 * Where rows go. Idempotent by attempt id and revision: the same rows twice change nothing. Rows that it will never
 * take are returned, each with the reason; it throws where it cannot take any now, and is asked again.
 */
export interface UsageSink {
  write(rows: readonly RowText[]): Promise<readonly Rejected[]>
}

export interface Rejected {
  readonly id: Uuid
  readonly reason: string
}

/** What the journal has to say to an operator; a pino logger is one. */
export interface JournalLog {
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
  error(detail: object, message: string): void
}
