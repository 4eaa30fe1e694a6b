import type { Backlog } from './backlog.ts'
import { type Delivery, Undelivered } from './delivery.ts'

export interface FlusherSettings {
  readonly backlog: Backlog
  readonly delivery: Delivery
  /** Takes off the disk what need not be there any more. */
  readonly tidy: () => Promise<void>
  readonly flushEveryMs: number
  /** So many rows are not kept waiting for others. */
  readonly flushRows: number
  /** Of one write to the sink. */
  readonly batchRowsMax: number
}

/** Carries rows from the backlog to a sink: at once when many wait, else a moment after the first. */
export class Flusher {
  readonly #settings: FlusherSettings
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined

  constructor(settings: FlusherSettings) {
    this.#settings = settings
  }

  /** A row was added to the backlog. */
  nudge(): void {
    if (this.#flushing) return
    const { backlog, flushRows, flushEveryMs } = this.#settings
    if (backlog.rows >= flushRows) void this.#flush(flushRows)
    else this.#timer ??= setTimeout(() => void this.#flush(flushRows), flushEveryMs).unref()
  }

  /** Delivers everything there is, or returns when delivery is stopped. */
  async drain(): Promise<void> {
    const { backlog, delivery } = this.#settings
    do await this.#flush(1)
    while (backlog.rows > 0 && !delivery.stopped)
  }

  #flush(rowsMin: number): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#flushing ??= this.#deliver(rowsMin).finally(() => {
      this.#flushing = undefined
      if (!this.#settings.delivery.stopped && this.#settings.backlog.rows > 0) this.nudge()
    })
    return this.#flushing
  }

  /** Batch after batch, while at least `rowsMin` wait. */
  async #deliver(rowsMin: number): Promise<void> {
    const { backlog, delivery, batchRowsMax, tidy } = this.#settings
    try {
      do {
        const batch = await delivery.persist('journal rows cannot be read back', () => backlog.take(batchRowsMax))
        if (batch.length > 0) await delivery.deliver(batch)
        backlog.settle()
        await tidy()
      } while (backlog.rows >= rowsMin)
    } catch (error) {
      // Closed: what is left stays on disk.
      if (!(error instanceof Undelivered)) throw error
    }
  }
}
