import type { RowText } from '../domain/usage-row.ts'
import { Backlog, type BacklogSettings } from './backlog.ts'
import { Delivery, type DeliverySettings, type Flush } from './delivery.ts'
import { Flusher, type FlusherSettings } from './flusher.ts'
import type { UsageSink } from './journal.ts'

export type LaneSettings = DeliverySettings & BacklogSettings & Omit<FlusherSettings, 'backlog' | 'delivery'>

/** How a sink fares. Counts are since the start of this process. */
export interface SinkStanding {
  readonly name: string
  readonly pendingRows: number
  readonly oldestPendingMs: number
  readonly delivered: number
  /** Of these, rows that it put aside since it will never take them. */
  readonly quarantined: number
  /** Tries to deliver that failed. */
  readonly failures: number
  /** For how long every try has failed; `undefined` where the last one did not. */
  readonly failingMs: number | undefined
  readonly lastFlush: Omit<Flush, 'sink'> | undefined
}

/** The way to one sink: each has its own, so that one that is away holds up no other, nor makes it get rows twice. */
export class Lane {
  readonly backlog: Backlog
  readonly #name: string
  readonly #sink: UsageSink
  readonly #delivery: Delivery
  readonly #flusher: Flusher

  constructor(settings: LaneSettings) {
    this.#name = settings.name
    this.#sink = settings.sink
    this.backlog = new Backlog(settings)
    this.#delivery = new Delivery(settings)
    this.#flusher = new Flusher({ ...settings, backlog: this.backlog, delivery: this.#delivery })
  }

  nudge(): void {
    this.#flusher.nudge()
  }

  /** Returns when the sink has these rows, which are not of the backlog; throws `Undelivered`. */
  deliver(rows: readonly RowText[]): Promise<void> {
    return this.#delivery.deliver(rows)
  }

  /** Delivers everything there is, without long waits, or returns when it is stopped. */
  drain(): Promise<void> {
    this.#delivery.hurry()
    return this.#flusher.drain()
  }

  stop(): void {
    this.#delivery.stop()
  }

  standing(): SinkStanding {
    const { delivered, failures, failingMs, last } = this.#delivery
    return {
      name: this.#name,
      pendingRows: this.backlog.rows,
      oldestPendingMs: this.backlog.oldestMs,
      delivered,
      quarantined: this.#sink.quarantined ?? 0,
      failures,
      failingMs,
      lastFlush: last,
    }
  }
}
