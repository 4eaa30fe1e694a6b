import type { Verdict } from '../domain/verdict.ts'

/** What is known of each connection's health. `at` is the present, by the gateway's clock. */
export interface Health {
  /** Whether a connection may be asked now; if not, how long it rests. */
  standing(connectionId: string, at: number): HealthStanding
  /** `responseMs` is how long the attempt took: it began at `at - responseMs`, and is news of no time before. */
  succeeded(connectionId: string, responseMs: number, at: number): void
  failed(connectionId: string, verdict: Verdict, at: number): void
}

export type HealthStanding =
  | { readonly available: true }
  | { readonly available: false; readonly reason: Verdict['fault']; readonly retryAfterMs: number }
