import type { Verdict } from '../domain/verdict.ts'
import type { Attempt, Entry } from './entry.ts'
import type { Gateway } from './gateway.ts'

// What an attempt tells of its connection's health. One that was asked before its key or address was changed tells
// nothing of what bears its name now. A test of one connection tells less than others: its failures are for whoever
// tests, except that a refused credential is refused for everybody.

export function tellAnswered({ candidate, sentMs }: Attempt, { catalog, clock, health }: Gateway): void {
  const { connection, model } = candidate
  if (catalog.stands(connection)) health.answered(connection.id, model, clock.elapsed() - sentMs, clock.now())
}

export function tellSucceeded({ candidate, sentMs }: Attempt, { catalog, clock, health }: Gateway): void {
  const { connection } = candidate
  if (catalog.stands(connection)) health.succeeded(connection.id, clock.elapsed() - sentMs, clock.now())
}

export function tellFailed(attempt: Attempt, verdict: Verdict, { call }: Entry, gateway: Gateway): void {
  const { catalog, clock, health } = gateway
  const { connection } = attempt.candidate
  if (!catalog.stands(connection) || (call.only !== undefined && verdict.fault !== 'credential')) return
  health.failed(connection.id, verdict, clock.now())
  if (verdict.fault === 'caller') tellNothing(attempt, gateway)
}

/** The provider said beside its answer that it takes no more for so long: nobody need be refused to learn it. */
export function tellExhausted({ candidate }: Attempt, forMs: number | undefined, gateway: Gateway): void {
  const { catalog, clock, health } = gateway
  const { connection } = candidate
  if (forMs !== undefined && catalog.stands(connection)) health.exhausted(connection.id, forMs, clock.now())
}

/** The attempt ended, and its connection had no part in it. Of a probe that leaves the question open, for the next. */
export function tellNothing({ candidate, probe }: Attempt, { health }: Gateway): void {
  if (probe) health.abandoned(candidate.connection.id)
}
