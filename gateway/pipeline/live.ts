import { type SetPlace, TransientSet } from '../domain/transient-set.ts'

/** An attempt under way, as the watch over all of them sees it. */
export interface LiveAttempt {
  /** Called about once a second: deadlines that need no precision. `nowMs` is `Clock.elapsed`. */
  tick(nowMs: number): void
  /** The process is going down: end now, and tell the client why. */
  stop(): void
  /** Called every few seconds: prolongs leases and writes down how far the attempt has come. */
  beat(): void
}

/** A place among the attempts under way. */
export type LivePlace = SetPlace<LiveAttempt>

/** One tick a second looks at every attempt: two timers for the whole process, none for a chunk. */
const tickMs = 1_000
const beatMs = 5_000

/** Answers read to their end for nobody but the bill, at most, at a time. */
export const drainsMax = 100

/** All attempts under way. */
export class LiveAttempts {
  /** Attempts whose client has left and whose answer is still being read. */
  drains = 0
  /** Calls whose handling has not ended, settling included. */
  calls = 0
  readonly #attempts = new TransientSet<LiveAttempt>()
  readonly #elapsed: () => number
  readonly #timer: NodeJS.Timeout
  #beatAt: number

  constructor(elapsed: () => number) {
    this.#elapsed = elapsed
    this.#beatAt = elapsed() + beatMs
    this.#timer = setInterval(() => this.#look(), tickMs)
    this.#timer.unref()
  }

  get size(): number {
    return this.#attempts.size
  }

  add(attempt: LiveAttempt): LivePlace {
    return this.#attempts.add(attempt)
  }

  leave(place: LivePlace): void {
    this.#attempts.delete(place)
  }

  /** Whether the process is going down: no further attempt is made. */
  stopping = false

  /** Ends every attempt, so that each gets its row and each client its word. */
  stopAll(): void {
    this.stopping = true
    for (const attempt of this.#attempts.values()) attempt.stop()
  }

  #look(): void {
    const now = this.#elapsed()
    const beating = now >= this.#beatAt
    if (beating) this.#beatAt = now + beatMs
    for (const attempt of this.#attempts.values()) {
      attempt.tick(now)
      if (beating) attempt.beat()
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
