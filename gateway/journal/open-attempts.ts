import type { Uuid } from '../domain/id.ts'
import { totals } from '../domain/usage.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { Progress } from './records.ts'

interface Opened {
  readonly row: UsageRow
  readonly step?: Progress
}

/** Attempts that a journal says were begun, and not how they ended. */
export class OpenAttempts {
  readonly #open = new Map<Uuid, Opened>()
  /** Of each call that has open attempts: how many, and the last attempt it is known to have made. */
  readonly #calls = new Map<Uuid, { open: number; last: number }>()

  get size(): number {
    return this.#open.size
  }

  begin(row: UsageRow): void {
    // Written again, when its segment was about to leave the disk.
    if (!this.#open.has(row.id)) {
      const call = this.#calls.get(row.call_id) ?? { open: 0, last: 0 }
      this.#calls.set(row.call_id, { open: call.open + 1, last: Math.max(call.last, row.attempt) })
    }
    this.#open.set(row.id, { row })
  }

  progress(step: Progress): void {
    const opened = this.#open.get(step.id)
    if (opened) this.#open.set(step.id, { row: opened.row, step })
  }

  end(id: Uuid): void {
    const opened = this.#open.get(id)
    if (!opened) return
    this.#open.delete(id)
    const call = this.#calls.get(opened.row.call_id)
    if (call && --call.open === 0) this.#calls.delete(opened.row.call_id)
  }

  /** It was never made: of its call's attempts the one before it is the last. */
  unsent(id: Uuid): void {
    const row = this.#open.get(id)?.row
    const call = row && this.#calls.get(row.call_id)
    if (call) call.last = Math.min(call.last, row.attempt - 1)
    this.end(id)
  }

  /** The rows of those that never ended. Of a call's attempts the last one counts as the call, as it does in all rows. */
  orphans(reprice: (row: UsageRow) => UsageRow): readonly UsageRow[] {
    return [...this.#open.values()].map(({ row, step }) => {
      const last = this.#calls.get(row.call_id)?.last ?? 0
      return orphan(row.attempt < last ? { ...row, calls: 0 } : row, step, reprice)
    })
  }
}

/** The row of an attempt whose process died: what was known when it began, and how far it is known to have come. */
function orphan(opened: UsageRow, step: Progress | undefined, reprice: (row: UsageRow) => UsageRow): UsageRow {
  const row: UsageRow = { ...opened, revision: 0, status: 'orphan', success: false, error_code: 'gateway_died' }
  if (!step || step.source === 'none') return row
  const parts = { ...opened.parts, ...step.usage }
  const { input, cached, cacheWrite, output, reasoning, total } = totals(parts)
  return reprice({
    ...row,
    parts,
    usage_source: step.source === 'provider' ? 'provider_partial' : step.source,
    ...(step.raw === undefined ? {} : { usage_raw: step.raw }),
    ...(input === undefined ? {} : { input_tokens: input }),
    ...(cached === undefined ? {} : { cached_input_tokens: cached }),
    ...(cacheWrite === undefined ? {} : { cache_write_tokens: cacheWrite }),
    ...(output === undefined ? {} : { output_tokens: output }),
    ...(reasoning === undefined ? {} : { reasoning_tokens: reasoning }),
    ...(total === undefined ? {} : { total_tokens: total }),
  })
}
