import type { HealthWord } from '../domain/settings.ts'
import type { Verdict } from '../domain/verdict.ts'

/**
 * What is known of each connection's health. `at` is the present, by the gateway's clock. The words, here and in routing:
 *
 * - *closed*: it takes traffic.
 * - *open*: it rests. It is *held*, by what its provider said (come later, a limit is reached, the credential is refused),
 *   or *ejected*, by our own breaker, because it failed; while it is both, it counts as held.
 * - *half-open*: its rest is over, and one attempt at a time, the *probe*, may find out whether it answers again. Any
 *   answer to an attempt that began after the trouble closes it.
 * - *readmitted*: ejected, and in this call's plan all the same, because too many of its model's connections are.
 * - *passed over*: its turn came, but it was at a limit of ours, or somebody else had its probe.
 */
export interface Health {
  standing(connectionId: string, model: string, at: number): HealthStanding
  /**
   * Takes the single probe of a connection that is not closed; false where somebody else has it. `early`: before the end
   * of its rest, because nobody else is left. A probe that says nothing for a few seconds is given to the next.
   */
  probe(connectionId: string, at: number, early: boolean): boolean
  /** Content has come: whatever follows, the connection answers. `afterMs` is how long the attempt had taken by then. */
  answered(connectionId: string, model: string, afterMs: number, at: number): void
  /** The answer came whole. The attempt began at `at - responseMs`, and is news of no time before. */
  succeeded(connectionId: string, responseMs: number, at: number): void
  failed(connectionId: string, verdict: Verdict, at: number): void
  /** The attempt ended without news of the connection: its client left, or its own deadline came. A probe is free again. */
  abandoned(connectionId: string): void
  /** The provider said with an answer that it takes no more for this long. */
  exhausted(connectionId: string, forMs: number, at: number): void
  /** For people: the figures, and what the rules make of them. */
  report(connectionId: string, at: number): HealthReport
  /** The connection is another one now: its address or credential changed. Ends a rest as well. */
  forget(connectionId: string): void
}

export type HealthStanding =
  | {
      readonly state: 'closed'
      /** How well it has answered lately, above 0 and up to 1. */
      readonly score: number
      /** How long this model took to begin its answers lately; `undefined` where nobody knows. */
      readonly latencyMs: number | undefined
    }
  | {
      readonly state: 'open' | 'half-open'
      readonly score: number
      readonly reason: Verdict['fault']
      /** By our own breaker, and not held. Routing readmits some where more than half of a model's connections are. */
      readonly ejected: boolean
      /** Until it may be asked again; of a half-open one, until its probe is free. */
      readonly retryAfterMs: number
    }

export interface HealthReport {
  readonly health: HealthWord
  /** Why, in words: `success 97.1 % in 5 min, below 98 %`. */
  readonly why: string
  /** Attempts in the window of the rules. */
  readonly attempts: number
  /** Of those that ended well or badly by the connection's doing, how many ended well: 0 to 1. */
  readonly successRate: number | undefined
  readonly errorsInARow: number
  /** The provider refused its credential, and nothing was answered with it since. */
  readonly credentialRefused: boolean
  /** Milliseconds since the epoch. */
  readonly lastUsedAt: number | undefined
  readonly lastErrorAt: number | undefined
  /** Why and for how long it rests, where it does. */
  readonly rest: { readonly reason: Verdict['fault']; readonly untilMs: number } | undefined
}
