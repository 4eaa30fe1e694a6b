import type { Call } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import type { Candidate, Timeouts } from '../domain/connection.ts'

/** Whose deadline passed: the connection's (`timeout`, which is its fault), or the client's own, shorter one (`deadline`). */
export type Late = 'timeout' | 'deadline'

/** How far an attempt has come since its head; in `Clock.elapsed`. */
export interface Progress {
  readonly headMs: number
  readonly lastChunkMs: number
  readonly firstTokenMs: number | undefined
}

const forever = Number.POSITIVE_INFINITY

/** The deadlines of one attempt: its connection's, and the client's own, which are for all attempts together. */
export class Deadlines {
  readonly #call: Call
  readonly #timeouts: Timeouts
  readonly #clock: Clock
  readonly #sentMs: number

  /** `sentMs`: when the attempt was sent, or would be. */
  constructor(call: Call, { connection }: Candidate, clock: Clock, sentMs = clock.elapsed()) {
    this.#call = call
    this.#timeouts = connection.timeouts
    this.#clock = clock
    this.#sentMs = sentMs
  }

  /** Of the time for the whole call, what is left. */
  get leftMs(): number {
    const { totalMs } = this.#timeouts
    return Math.min(totalMs, this.#call.timeoutMs ?? totalMs) - this.#spentMs
  }

  /** What is left for an attempt to begin its answer in, by the client's word as well. */
  get spareMs(): number {
    return Math.min(this.leftMs, this.#ownFirstTokenMs)
  }

  /** Until the head of the answer, and whose fault it is if that does not come; of a whole answer the rest comes with it. */
  get head(): { readonly ms: number; readonly late: Late } {
    const { firstByteMs, firstTokenMs, totalMs } = this.#timeouts
    const theirs = this.#call.asked.stream ? Math.min(firstByteMs, firstTokenMs) : totalMs
    const { spareMs } = this
    if (spareMs >= theirs) return { ms: theirs, late: 'timeout' }
    return { ms: spareMs, late: spareMs < this.leftMs ? 'deadline' : this.#totalLate }
  }

  /** Whether the whole time is over. */
  get total(): Late | undefined {
    return this.leftMs <= 0 ? this.#totalLate : undefined
  }

  /** Whether a stream that has begun is too slow: with its first content, or with what follows. */
  silence(nowMs: number, { headMs, lastChunkMs, firstTokenMs }: Progress): Late | undefined {
    const { firstTokenMs: theirs, idleMs } = this.#timeouts
    if (firstTokenMs !== undefined) return nowMs - Math.max(lastChunkMs, headMs) > idleMs ? 'timeout' : undefined
    if (this.#ownFirstTokenMs <= 0) return 'deadline'
    return nowMs - this.#sentMs > theirs ? 'timeout' : undefined
  }

  get #spentMs(): number {
    return this.#clock.elapsed() - this.#call.startedMs
  }

  get #ownFirstTokenMs(): number {
    const { asked, firstTokenTimeoutMs } = this.#call
    return asked.stream && firstTokenTimeoutMs !== undefined ? firstTokenTimeoutMs - this.#spentMs : forever
  }

  get #totalLate(): Late {
    const { timeoutMs } = this.#call
    return timeoutMs !== undefined && timeoutMs < this.#timeouts.totalMs ? 'deadline' : 'timeout'
  }
}
