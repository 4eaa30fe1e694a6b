import type { Call } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import type { Candidate, Timeouts } from '../domain/connection.ts'

/** Whose deadline passed: the connection's (`timeout`, which is its fault), or the client's own, shorter one (`deadline`). */
export type Late = 'timeout' | 'deadline'

/** How far an attempt has come; all in `Clock.elapsed`. */
export interface Progress {
  readonly headMs: number
  readonly lastChunkMs: number
  readonly firstTokenMs: number | undefined
}

/** The deadlines of one attempt: its connection's, and the client's own where those are shorter. */
export class Deadlines {
  readonly #call: Call
  readonly #timeouts: Timeouts
  readonly #clock: Clock

  constructor(call: Call, { connection }: Candidate, clock: Clock) {
    this.#call = call
    this.#timeouts = connection.timeouts
    this.#clock = clock
  }

  /** Of the call's whole time, what is left: failed attempts before this one have used it too. */
  get leftMs(): number {
    const { totalMs } = this.#timeouts
    return Math.min(totalMs, this.#call.timeoutMs ?? totalMs) - (this.#clock.elapsed() - this.#call.startedMs)
  }

  /** Until the head of the answer, and whose fault it is if that does not come; of a whole answer the rest comes with it. */
  get head(): { readonly ms: number; readonly late: Late } {
    const { firstByteMs, totalMs } = this.#timeouts
    const headMs = this.#call.asked.stream ? firstByteMs : totalMs
    const { leftMs } = this
    return leftMs < headMs ? { ms: leftMs, late: this.#totalLate } : { ms: headMs, late: 'timeout' }
  }

  get #totalLate(): Late {
    const { timeoutMs } = this.#call
    return timeoutMs !== undefined && timeoutMs < this.#timeouts.totalMs ? 'deadline' : 'timeout'
  }

  /** Whether the whole time is over. */
  get total(): Late | undefined {
    return this.leftMs <= 0 ? this.#totalLate : undefined
  }

  /** Whether a stream that has begun is too slow: with its first content, or with what follows. */
  silence(nowMs: number, { headMs, lastChunkMs, firstTokenMs }: Progress): Late | undefined {
    const own = this.#call.firstTokenTimeoutMs ?? Number.POSITIVE_INFINITY
    const { firstTokenMs: theirs, idleMs } = this.#timeouts
    if (firstTokenMs === undefined && nowMs - headMs > Math.min(own, theirs))
      return own < theirs ? 'deadline' : 'timeout'
    return nowMs - Math.max(lastChunkMs, headMs) > idleMs ? 'timeout' : undefined
  }
}
