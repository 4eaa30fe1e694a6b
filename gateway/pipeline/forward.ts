import type { Candidate } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import { uuidV7 } from '../domain/id.ts'
import type { Hold } from '../domain/limit.ts'
import type { Refusal, Reservation } from '../limits/limit-store.ts'
import type { ProviderAdapter } from '../providers/provider.ts'
import { holdsOf } from './admit.ts'
import type { Client } from './client.ts'
import type { Attempt, Delivery, Entry } from './entry.ts'
import { failed, faultOf, passedOn, readable } from './failure.ts'
import type { Gateway } from './gateway.ts'
import { limitFault } from './limit-fault.ts'
import { msLeft, Relay } from './relay.ts'
import type { Plan } from './route.ts'
import { openRow } from './row.ts'

const attemptsMax = 3

/** Asks one candidate after the other until one of them begins to answer, and relays that answer but for its tail. */
export async function forward(plan: Plan, client: Client, entry: Entry, gateway: Gateway): Promise<Delivery> {
  let fault: Fault | undefined
  let soonest: Refusal | undefined
  for (const { candidate, probe } of plan.turns) {
    if (entry.attempts.length === attemptsMax) break
    if (fault && msLeft(entry.call, candidate, gateway.clock) <= 0) break
    if (client.gone) throw new Fault('client_closed', 'The client left.')
    if (gateway.live.stopping) throw new Fault('shutting_down', 'The gateway is going down.', { retryAfterMs: 1_000 })
    const { id: connectionId } = candidate.connection
    if (probe !== 'none' && !gateway.health.probe(connectionId, gateway.clock.now(), probe === 'early')) continue
    const id = uuidV7(gateway.clock.now())
    const reserved = await reserve(id, candidate, plan, entry, gateway)
    if (!reserved.granted) {
      gateway.health.abandoned(connectionId)
      if (!soonest || reserved.retryAfterMs < soonest.retryAfterMs) soonest = reserved
      continue
    }
    const attempt: Attempt = {
      id,
      number: entry.attempts.length + 1,
      candidate,
      sentMs: gateway.clock.elapsed(),
      reservation: reserved,
    }
    const adapter = adapterOf(candidate, gateway)
    await writeDown(attempt, reserved, entry, gateway)
    entry.attempts.push(attempt)
    attempt.sentMs = gateway.clock.elapsed()
    const end = await new Relay(attempt, adapter, client, entry, gateway).run()
    if (end.began) return end.delivery
    attempt.outcome = failed(attempt, end.failure, gateway)
    const verdict = adapter.classify(end.failure)
    if (end.blameless) gateway.health.abandoned(connectionId)
    else gateway.health.failed(connectionId, verdict, gateway.clock.now())
    if (!verdict.failover && end.failure.kind === 'answer' && readable(end.failure)) {
      return passedOn(attempt, end.failure)
    }
    fault = faultOf(candidate, end.failure, verdict)
  }
  throw fault ?? atTheirLimits(entry.call.asked.model, soonest)
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

/** Holds the caller's own limits once for the call, and the connection's for the attempt: all of them or none. */
async function reserve(
  attemptId: string,
  candidate: Candidate,
  { admission }: Plan,
  entry: Entry,
  gateway: Gateway,
): Promise<Reservation | Refusal> {
  const at = gateway.clock.now()
  const limits = entry.catalog.connectionLimits(candidate.connection.id)
  const held = (id: string, holds: readonly Hold[]) =>
    holds.length === 0 ? nothingHeld(id) : gateway.limits.reserve(id, holds, at)
  const [own, theirs] = await Promise.all([
    entry.reservation ?? held(entry.call.id, admission.holds),
    held(attemptId, holdsOf(limits, admission.tokens)),
  ])
  if (!own.granted) {
    if (theirs.granted) await gateway.limits.release(theirs)
    throw limitFault(own, gateway.clock.now())
  }
  entry.reservation = own
  return theirs
}

function nothingHeld(id: string): Reservation {
  return { granted: true, id, holds: [], standings: [] }
}

function adapterOf({ connection }: Candidate, gateway: Gateway): ProviderAdapter {
  const adapter = gateway.providers.get(connection.provider)
  if (!adapter) throw new Error(`the connection ${connection.id} names a provider that is not there`)
  return adapter
}

function atTheirLimits(model: string, soonest: Refusal | undefined): Fault {
  const message = `Every connection for '${model}' is at its limit.`
  return new Fault('upstream_rate_limited', message, soonest ? { retryAfterMs: soonest.retryAfterMs } : {})
}
