import type { Candidate } from '../domain/connection.ts'
import type { HealthStanding } from '../health/health.ts'

/** A candidate, and how its connection stands while the call is routed. */
export interface Option {
  readonly candidate: Candidate
  readonly health: HealthStanding
}

/**
 * An option that is asked when the ones before it did not answer. `probe`: only by who gets its connection's probe, which
 * is `due` since the rest is over, or `early` because nobody else is left.
 */
export interface Turn extends Option {
  readonly probe: 'none' | 'due' | 'early'
}
