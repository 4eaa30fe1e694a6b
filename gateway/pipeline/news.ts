import type { Verdict } from '../domain/verdict.ts'
import type { Attempt, Entry } from './entry.ts'
import type { Gateway } from './gateway.ts'

// What an attempt tells of its connection's health. A test of one connection tells less: its failures are for whoever
// tests, except that a refused credential is refused for everybody.

export function tellAnswered({ candidate, sentMs }: Attempt, gateway: Gateway): void {
  const { clock, health } = gateway
  health.answered(candidate.connection.id, candidate.model, clock.elapsed() - sentMs, clock.now())
}

export function tellSucceeded({ candidate, sentMs }: Attempt, gateway: Gateway): void {
  const { clock, health } = gateway
  health.succeeded(candidate.connection.id, clock.elapsed() - sentMs, clock.now())
}

export function tellFailed(attempt: Attempt, verdict: Verdict, { call }: Entry, gateway: Gateway): void {
  if (call.only !== undefined && verdict.fault !== 'credential') return
  gateway.health.failed(attempt.candidate.connection.id, verdict, gateway.clock.now())
  if (verdict.fault === 'caller') tellNothing(attempt, gateway)
}

/** The provider said beside its answer that it takes no more for so long: nobody need be refused to learn it. */
export function tellExhausted({ candidate }: Attempt, forMs: number | undefined, { health, clock }: Gateway): void {
  if (forMs !== undefined) health.exhausted(candidate.connection.id, forMs, clock.now())
}

/** The attempt ended, and its connection had no part in it. Of a probe that leaves the question open, for the next. */
export function tellNothing({ candidate, probe }: Attempt, { health }: Gateway): void {
  if (probe) health.abandoned(candidate.connection.id)
}
