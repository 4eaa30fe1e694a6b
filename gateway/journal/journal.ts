import type { Uuid } from '../domain/id.ts'
import type { Reading } from '../domain/usage.ts'
import type { UsageRow } from '../domain/usage-row.ts'

/**
 * What is written down and not yet delivered. The journal's promise: an answer that a client has in whole has its row
 * on disk, so a process may die at any moment and the next start delivers what it owed.
 */
export interface Journal {
  /** An attempt goes upstream. `row` is what would be known of it if this process died now (revision 0). */
  open(row: UsageRow): void
  /** An attempt that is still running has come this far. */
  progress(id: Uuid, reading: Reading): void
  /** An attempt's outcome. Written when this returns; throws where it cannot be. */
  row(row: UsageRow): void
  close(): Promise<void>
}

/** Where rows go. Idempotent by attempt id and revision: the same rows twice change nothing. */
export interface UsageSink {
  write(rows: readonly UsageRow[]): Promise<void>
}
