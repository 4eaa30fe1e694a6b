import type { Verdict } from '../domain/verdict.ts'
import type { Health, HealthStanding } from './health.ts'

/** A credential that was refused is worth trying again after this long: people repair it, time does not. */
const credentialRestMs = 5 * 60_000
/** One failure is an accident; this many in a row are an illness. */
const failuresBeforeRest = 3

const firstRestMs = 1_000
const longestRestMs = { limit: 60_000, connection: 30_000 }

interface Ailment {
  /** Failures of the connection itself since it last answered. */
  failures: number
  /** Rests of our own measure that no success came between; each is twice as long as the one before. */
  rests: number
  reason: Verdict['fault']
  failedAt: number
  restsUntil: number
}

const available: HealthStanding = { available: true }

/**
 * Health as one process sees it. A connection rests when its provider asked for it, its limit is reached, its
 * credential was refused, or it failed several times in a row; of two rests the longer holds. Only what ails is kept.
 */
export class MemoryHealth implements Health {
  readonly #ailments = new Map<string, Ailment>()

  standing(connectionId: string, at: number): HealthStanding {
    const ailment = this.#ailments.get(connectionId)
    if (ailment === undefined || ailment.restsUntil <= at) return available
    return { available: false, reason: ailment.reason, retryAfterMs: ailment.restsUntil - at }
  }

  succeeded(connectionId: string, responseMs: number, at: number): void {
    const ailment = this.#ailments.get(connectionId)
    if (ailment === undefined) return
    // An answer that was under way when the connection failed is no news of it: a provider's limit still stands.
    if (at - responseMs >= ailment.failedAt) this.#ailments.delete(connectionId)
    else ailment.failures = 0
  }

  failed(connectionId: string, verdict: Verdict, at: number): void {
    if (verdict.fault === 'caller') return
    const ailment = this.#ailments.get(connectionId) ?? {
      failures: 0,
      rests: 0,
      reason: verdict.fault,
      failedAt: at,
      restsUntil: at,
    }
    this.#ailments.set(connectionId, ailment)
    ailment.failedAt = at
    if (verdict.fault === 'connection') ailment.failures++
    const restMs = restAfter(verdict, ailment, at)
    if (at + restMs <= ailment.restsUntil) return
    ailment.restsUntil = at + restMs
    ailment.reason = verdict.fault
  }
}

function restAfter({ fault, cooldownMs }: Verdict, ailment: Ailment, at: number): number {
  if (fault === 'credential') return Math.max(credentialRestMs, cooldownMs ?? 0)
  if (fault === 'limit') return cooldownMs ?? doubled(ailment, longestRestMs.limit, at)
  if (fault === 'caller' || ailment.failures < failuresBeforeRest) return cooldownMs ?? 0
  return Math.max(doubled(ailment, longestRestMs.connection, at), cooldownMs ?? 0)
}

/** Calls that fail while it rests were under way before: they are the same failure, and make the rest no longer. */
function doubled(ailment: Ailment, longestMs: number, at: number): number {
  if (ailment.restsUntil <= at) ailment.rests++
  return Math.min(firstRestMs * 2 ** Math.max(0, ailment.rests - 1), longestMs)
}
