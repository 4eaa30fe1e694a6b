import { uuidV7 } from '../domain/id.ts'
import type { Hold } from '../domain/limit.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { Refusal, Reservation } from '../limits/limit-store.ts'
import type { ProviderAdapter, UpstreamFailure } from '../providers/provider.ts'
import { holdsOf } from './admit.ts'
import type { Attempt, Delivery, Entry } from './entry.ts'
import { failed } from './failure.ts'
import type { Forwarding } from './forwarding.ts'
import type { Gateway } from './gateway.ts'
import { limitFault } from './limit-fault.ts'
import { tellFailed, tellNothing } from './news.ts'
import { recordFailed } from './record.ts'
import { type End, Relay } from './relay.ts'
import { openRow } from './row.ts'
import type { Turn } from './turn.ts'
import type { Waiting } from './wait.ts'

/** What came of a candidate's turn. */
export type Tried =
  | { readonly kind: 'delivered'; readonly delivery: Delivery }
  /** It was not asked: its own limit is reached, or it rests and somebody else is finding out whether it is well. */
  | PassedOver
  | Failed

export interface PassedOver extends Waiting {
  readonly kind: 'passed over'
}

export interface Failed {
  readonly kind: 'failed'
  readonly attempt: Attempt
  readonly failure: UpstreamFailure
  readonly verdict: Verdict
  /** The socket had been idle and was found dead: the provider never saw the request, as far as anyone can tell. */
  readonly stale: boolean
}

/** Asks one candidate: takes the probe where there is one to be had, reserves, writes the attempt down, relays. */
export async function ask(turn: Turn, fresh: boolean, forwarding: Forwarding): Promise<Tried> {
  const { entry, gateway } = forwarding
  const { candidate } = turn
  const { id: connectionId } = candidate.connection
  const probe = turn.probe !== 'none'
  if (probe && !gateway.health.probe(connectionId, gateway.clock.now(), turn.probe === 'early')) {
    return resting(turn, gateway)
  }
  const id = uuidV7(gateway.clock.now())
  let attempt: Attempt
  try {
    const reservation = await reserve(id, turn, forwarding)
    if (!reservation.granted) {
      if (probe) gateway.health.abandoned(connectionId)
      return { kind: 'passed over', reason: 'limit', retryAfterMs: reservation.retryAfterMs }
    }
    const number = entry.attempts.length + 1
    attempt = { id, number, candidate, fresh, probe, sentMs: gateway.clock.elapsed(), reservation }
    await writeDown(attempt, reservation, entry, gateway)
  } catch (thrown) {
    if (probe) gateway.health.abandoned(connectionId)
    throw thrown
  }
  entry.attempts.push(attempt)
  recordFailed(entry, gateway)
  attempt.sentMs = gateway.clock.elapsed()
  const adapter = adapterOf(turn, gateway)
  const end = await new Relay(attempt, adapter, forwarding).run()
  return end.began ? { kind: 'delivered', delivery: end.delivery } : failedBy(end, attempt, adapter, forwarding)
}

/** Somebody else has its probe. */
function resting({ candidate: { connection, model } }: Turn, { health, clock }: Gateway): PassedOver {
  const standing = health.standing(connection.id, model, clock.now())
  if (standing.state === 'closed') return { kind: 'passed over', reason: 'connection', retryAfterMs: 0 }
  return { kind: 'passed over', reason: standing.reason, retryAfterMs: standing.retryAfterMs }
}

function failedBy(
  { failure, reading, blameless, silent }: Extract<End, { began: false }>,
  attempt: Attempt,
  adapter: ProviderAdapter,
  { entry, gateway }: Forwarding,
): Failed {
  attempt.outcome = failed(attempt, failure, reading, gateway)
  const verdict = adapter.classify(failure)
  // It may have died before the request was written, or after.
  const stale = silent && failure.kind !== 'answer' && gateway.diedIdle(failure.cause)
  if (blameless || stale) tellNothing(attempt, gateway)
  else tellFailed(attempt, verdict, entry, gateway)
  return { kind: 'failed', attempt, failure, verdict, stale }
}

/** Nothing is sent that a restart would not know of. Where it cannot be written, the attempt has not been made. */
async function writeDown(attempt: Attempt, reserved: Reservation, entry: Entry, gateway: Gateway): Promise<void> {
  try {
    await gateway.journal.open(openRow(entry, attempt, gateway))
  } catch (thrown) {
    if (reserved.holds.length > 0) await gateway.limits.release(reserved)
    throw thrown
  }
}

/** Holds the caller's own limits, once for the call, and the connection's for this attempt; each all or none. */
async function reserve(
  attemptId: string,
  { candidate }: Turn,
  { plan, entry, gateway }: Forwarding,
): Promise<Reservation | Refusal> {
  const { admission } = plan
  const at = gateway.clock.now()
  const { id: connectionId } = candidate.connection
  const limits = entry.catalog.connectionLimits(connectionId)
  const held = (id: string, holds: readonly Hold[]) =>
    holds.length === 0 ? nothingHeld(id) : gateway.limits.reserve(id, holds, at)
  const [own, theirs] = await Promise.all([
    entry.reservation ?? held(entry.call.id, admission.holds),
    held(attemptId, holdsOf(limits, admission.tokens)),
  ])
  if (!own.granted) {
    if (theirs.granted) await gateway.limits.release(theirs)
    const { limit, used, retryAfterMs } = own
    entry.standings = [{ limit, used, held: 0, resetMs: retryAfterMs }]
    throw limitFault(own, gateway.clock.now())
  }
  entry.reservation = own
  entry.standings = own.standings
  if (theirs.granted && theirs.standings.length > 0) gateway.headroom.note(connectionId, theirs.standings, at)
  return theirs
}

function nothingHeld(id: string): Reservation {
  return { granted: true, id, holds: [], standings: [] }
}

function adapterOf({ candidate: { connection } }: Turn, gateway: Gateway): ProviderAdapter {
  const adapter = gateway.providers.get(connection.provider)
  if (!adapter) throw new Error(`the connection ${connection.id} names a provider that is not there`)
  return adapter
}
