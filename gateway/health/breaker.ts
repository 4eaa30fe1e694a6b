import type { Verdict } from '../domain/verdict.ts'
import { WindowCounts } from './window-counts.ts'

/** A credential that was refused is worth trying again after this long: people repair it, time does not. */
const credentialHoldMs = 5 * 60_000
/** One failure is an accident; this many in a row are an illness. */
const failuresBeforeEjection = 3
/** Of this many attempts in this time, more than half failing are an illness too, whatever went well between them. */
const attemptsJudged = 10
const judgedMs = 30_000
const judgedBucketMs = 3_000

const firstRestMs = 1_000
const longestRestMs = { limit: 60_000, connection: 30_000 }

/** A whole answer can take minutes; nobody waits for it to learn that the connection is alive. */
const probeMs = 5_000
const earlyProbeEveryMs = 1_000

/** Why a connection was opened, and what is left of that. */
export interface Opened {
  readonly state: 'open' | 'half-open'
  readonly reason: Verdict['fault']
  readonly ejected: boolean
  readonly retryAfterMs: number
}

/**
 * Whether one connection is closed, open or half-open (the words are in health.ts). It is held and ejected side by side,
 * each only ever for longer, and half-open when both are over. Only a whole answer makes the next rest short again: a
 * connection that begins every answer and ends none would otherwise never rest for more than a second.
 */
export class Breaker {
  /** Failures of its own since the last whole answer. */
  failures = 0
  closed = true
  credentialRefused = false
  /** Rests of our measure that no whole answer came between; each is twice as long as the one before. */
  #rests = 0
  #heldUntil = 0
  #heldFor: Verdict['fault'] = 'limit'
  #ejectedUntil = 0
  #troubledAt = Number.NEGATIVE_INFINITY
  #probedAt = Number.NEGATIVE_INFINITY
  #probing = false
  readonly #recent = new WindowCounts(judgedMs, judgedBucketMs)

  /** Of a connection that is not closed. */
  opened(at: number): Opened {
    const until = this.#restsUntil
    const ejectedLonger = this.#ejectedUntil > this.#heldUntil
    const reason = ejectedLonger ? 'connection' : this.#heldFor
    if (until > at) return { state: 'open', reason, ejected: this.#heldUntil <= at, retryAfterMs: until - at }
    const retryAfterMs = this.#isProbed(at) ? this.#probedAt + probeMs - at : 0
    return { state: 'half-open', reason, ejected: ejectedLonger, retryAfterMs }
  }

  probe(at: number, early: boolean): boolean {
    if (this.closed) return true
    if (this.#isProbed(at)) return false
    if (this.#restsUntil > at) {
      // What a provider asked for is never cut short.
      if (!early || this.#heldUntil > at) return false
      if (at - Math.max(this.#troubledAt, this.#probedAt) < earlyProbeEveryMs) return false
    }
    this.#probing = true
    this.#probedAt = at
    return true
  }

  /** `since` is when the attempt began. */
  answered(since: number): void {
    if (!this.closed && this.#isNews(since)) this.#close()
  }

  succeeded(since: number, at: number): void {
    this.#recent.add('succeeded', at)
    this.failures = 0
    if (!this.#isNews(since)) return
    this.#rests = 0
    if (!this.closed) this.#close()
  }

  failed({ fault, cooldownMs }: Verdict, at: number): void {
    if (fault === 'caller') return
    this.#probing = false
    this.#troubledAt = at
    if (fault === 'limit') {
      // One that asks for no wait and refuses all the same would be asked by every call.
      this.#hold(fault, cooldownMs || this.#doubled(longestRestMs.limit, at), at)
      return
    }
    this.failures++
    if (fault === 'credential') {
      this.credentialRefused = true
      this.#hold(fault, Math.max(credentialHoldMs, cooldownMs ?? 0), at)
      return
    }
    this.#recent.add('failed', at)
    if (this.#isIll(at)) this.#eject(this.#doubled(longestRestMs.connection, at), at)
    this.#hold(fault, cooldownMs ?? 0, at)
  }

  exhausted(forMs: number, at: number): void {
    if (forMs <= 0) return
    this.#probing = false
    // The answer that says so is no sign that it takes more.
    this.#troubledAt = at
    this.#hold('limit', forMs, at)
  }

  abandoned(): void {
    this.#probing = false
  }

  get #restsUntil(): number {
    return Math.max(this.#heldUntil, this.#ejectedUntil)
  }

  #isProbed(at: number): boolean {
    return this.#probing && this.#probedAt + probeMs > at
  }

  /** The clock's milliseconds are whole: what began in the one of the trouble may have begun before it. */
  #isNews(since: number): boolean {
    return since >= this.#troubledAt + 1
  }

  #isIll(at: number): boolean {
    if (this.failures >= failuresBeforeEjection) return true
    // Half-open: the probe has failed, or as good as that.
    if (!this.closed && this.#restsUntil <= at) return true
    const { succeeded, failed } = this.#recent.within(judgedMs, at)
    return succeeded + failed >= attemptsJudged && failed > succeeded
  }

  /** Calls that fail while it rests were under way before: they are the same failure, and make the rest no longer. */
  #doubled(longestMs: number, at: number): number {
    if (this.#restsUntil <= at) this.#rests++
    return Math.min(firstRestMs * 2 ** Math.max(0, this.#rests - 1), longestMs)
  }

  #hold(reason: Verdict['fault'], restMs: number, at: number): void {
    if (restMs <= 0 || at + restMs <= this.#heldUntil) return
    this.#heldUntil = at + restMs
    this.#heldFor = reason
    this.closed = false
  }

  #eject(restMs: number, at: number): void {
    this.#ejectedUntil = Math.max(this.#ejectedUntil, at + restMs)
    this.closed = false
  }

  #close(): void {
    this.closed = true
    this.credentialRefused = false
    this.#heldUntil = 0
    this.#ejectedUntil = 0
    this.#probing = false
    this.#recent.clear()
  }
}
