import type { HealthRules } from '../domain/settings.ts'
import type { Verdict } from '../domain/verdict.ts'
import { Breaker } from './breaker.ts'
import type { Health, HealthReport, HealthStanding } from './health.ts'
import { Latencies } from './latencies.ts'
import { healthOf, successRate } from './rules.ts'
import { Score } from './score.ts'
import { WindowCounts } from './window-counts.ts'

/** The longest window the rules can have, kept so that a reload with other rules finds its figures. */
const longestWindowMs = 3_600_000
const windowBucketMs = 5_000

const untouched: HealthStanding = { state: 'closed', score: 1, latencyMs: undefined }

/** What is known of one connection. */
class Known {
  readonly breaker = new Breaker()
  readonly score = new Score()
  readonly latencies = new Latencies()
  readonly window = new WindowCounts(longestWindowMs, windowBucketMs)
  lastUsedAt: number | undefined
  lastErrorAt: number | undefined
}

/** Never written to. */
const nothingKnown = new Known()

/** Health as one process sees it, of connections that were asked at least once. */
export class MemoryHealth implements Health {
  readonly #rules: () => HealthRules
  readonly #connections = new Map<string, Known>()

  /** `rules`: as they are now; a reload may change them. */
  constructor(rules: () => HealthRules) {
    this.#rules = rules
  }

  standing(connectionId: string, model: string, at: number): HealthStanding {
    const known = this.#connections.get(connectionId)
    if (known === undefined) return untouched
    const score = known.score.at(at)
    if (known.breaker.closed) return { state: 'closed', score, latencyMs: known.latencies.of(model) }
    const { state, reason, ejected, retryAfterMs } = known.breaker.opened(at)
    return { state, score, reason, ejected, retryAfterMs }
  }

  probe(connectionId: string, at: number, early: boolean): boolean {
    return this.#connections.get(connectionId)?.breaker.probe(at, early) ?? true
  }

  answered(connectionId: string, model: string, afterMs: number, at: number): void {
    const known = this.#known(connectionId)
    known.lastUsedAt = at
    known.latencies.note(model, afterMs)
    known.breaker.answered(at - afterMs)
  }

  succeeded(connectionId: string, responseMs: number, at: number): void {
    const known = this.#known(connectionId)
    known.lastUsedAt = at
    known.window.add('succeeded', at)
    known.score.note(true, at)
    known.breaker.succeeded(at - responseMs, at)
  }

  failed(connectionId: string, verdict: Verdict, at: number): void {
    const known = this.#known(connectionId)
    const { fault } = verdict
    known.lastUsedAt = at
    if (fault !== 'caller') known.lastErrorAt = at
    known.window.add(fault === 'connection' || fault === 'credential' ? 'failed' : 'other', at)
    if (fault === 'connection') known.score.note(false, at)
    known.breaker.failed(verdict, at)
  }

  abandoned(connectionId: string): void {
    this.#connections.get(connectionId)?.breaker.abandoned()
  }

  exhausted(connectionId: string, forMs: number, at: number): void {
    this.#known(connectionId).breaker.exhausted(forMs, at)
  }

  report(connectionId: string, at: number): HealthReport {
    const known = this.#connections.get(connectionId) ?? nothingKnown
    const rules = this.#rules()
    const { succeeded, failed, other } = known.window.within(rules.windowMs, at)
    const { closed, failures: errorsInARow, credentialRefused } = known.breaker
    const opened = closed ? undefined : known.breaker.opened(at)
    const rest = opened?.state === 'open' ? { ...opened, leftMs: opened.retryAfterMs } : undefined
    const attempts = succeeded + failed + other
    const used = known.lastUsedAt !== undefined
    return {
      ...healthOf({ attempts, succeeded, failed, errorsInARow, used, credentialRefused, rest }, rules),
      attempts,
      successRate: successRate({ succeeded, failed }),
      errorsInARow,
      credentialRefused,
      lastUsedAt: known.lastUsedAt,
      lastErrorAt: known.lastErrorAt,
      rest: rest && { reason: rest.reason, untilMs: at + rest.leftMs },
    }
  }

  forget(connectionId: string): void {
    this.#connections.delete(connectionId)
  }

  #known(connectionId: string): Known {
    let known = this.#connections.get(connectionId)
    if (known === undefined) {
      known = new Known()
      this.#connections.set(connectionId, known)
    }
    return known
  }
}
