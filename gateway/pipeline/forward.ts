import { Fault } from '../domain/fault.ts'
import { ask, type Failed } from './ask.ts'
import type { Client } from './client.ts'
import { Deadlines } from './deadlines.ts'
import type { Delivery, Entry } from './entry.ts'
import { ambiguous, faultOf, passedOn, readable } from './failure.ts'
import type { Forwarding } from './forwarding.ts'
import type { Gateway } from './gateway.ts'
import type { Plan } from './route.ts'
import type { Turn } from './turn.ts'
import { nobodyToAsk, Waits } from './wait.ts'

/** Of one call, whatever its client asks for. */
export const attemptsMax = 3
/** With less than this left, timers may have said already that it is over. */
const spentMs = 2

/** Asks one candidate after the other until one of them begins to answer, and relays that answer but for its tail. */
export async function forward(plan: Plan, client: Client, entry: Entry, gateway: Gateway): Promise<Delivery> {
  const forwarding: Forwarding = { plan, client, entry, gateway }
  const waits = new Waits()
  let failed: Failed | undefined
  let resent = false
  const done = new Set<string>()
  for (const turn of plan.turns) {
    // Another model of a connection that failed: it would be the same failure.
    if (done.has(turn.candidate.connection.id)) continue
    if (!worthAsking(turn, failed, forwarding)) break
    let tried = await ask(turn, false, forwarding)
    if (tried.kind === 'failed' && tried.stale && mayGoOn(tried) && !resent) {
      // The one exception to "no connection twice": a socket that was dead before it was asked is no answer.
      resent = true
      failed = tried
      if (!worthAsking(turn, failed, forwarding)) break
      tried = await ask(turn, true, forwarding)
    }
    if (tried.kind === 'delivered') return tried.delivery
    if (tried.kind === 'passed over') {
      waits.passedOver(turn.candidate.connection, tried)
      continue
    }
    failed = tried
    if (!mayGoOn(tried)) break
    if (tried.verdict.fault !== 'caller') done.add(turn.candidate.connection.id)
  }
  if (!failed) throw nobodyToAsk(entry.call.asked.model, waits.of(entry, gateway))
  const { attempt, failure, verdict } = failed
  if (verdict.fault === 'caller' && failure.kind === 'answer' && readable(failure)) return passedOn(attempt, failure)
  throw faultOf(attempt.candidate, failure, verdict, waits.of(entry, gateway))
}

/** Whether there is anyone left to answer, a try left to do it with, and time. */
function worthAsking(turn: Turn, failed: Failed | undefined, { client, entry, gateway }: Forwarding): boolean {
  const { call, attempts } = entry
  if (attempts.length >= Math.min(attemptsMax, call.attemptsMax ?? attemptsMax)) return false
  if (failed && new Deadlines(call, turn.candidate, gateway.clock).spareMs < spentMs) return false
  if (client.gone) throw new Fault('client_closed', 'The client left.')
  if (gateway.live.stopping) throw new Fault('shutting_down', 'The gateway is going down.', { retryAfterMs: 1_000 })
  return true
}

/** Whether another connection may be asked: some failures it would share, and some might be billed twice. */
function mayGoOn({ attempt, failure, verdict }: Failed): boolean {
  return verdict.failover && (attempt.candidate.connection.retryAmbiguous || !ambiguous(failure))
}
