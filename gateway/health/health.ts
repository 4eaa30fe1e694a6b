import type { Verdict } from '../domain/verdict.ts'

/** What is known of each connection's health. */
export interface Health {
  /** Whether a connection may be asked now; if not, how long it rests. */
  standing(connectionId: string, at: number): HealthStanding
  succeeded(connectionId: string, responseMs: number, at: number): void
  failed(connectionId: string, verdict: Verdict, at: number): void
}

export type HealthStanding =
  | { readonly available: true }
  | { readonly available: false; readonly reason: Verdict['fault']; readonly retryAfterMs: number }
