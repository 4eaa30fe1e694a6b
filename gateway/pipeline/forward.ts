import type { Connection } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import { ask, type Failed, type PassedOver } from './ask.ts'
import type { Client } from './client.ts'
import { Deadlines } from './deadlines.ts'
import type { Delivery, Entry } from './entry.ts'
import { ambiguous, faultOf, passedOn, readable } from './failure.ts'
import type { Gateway } from './gateway.ts'
import type { Plan, Turn } from './route.ts'

const attemptsMax = 3
/** With less than this left, timers may have said already that it is over. */
const spentMs = 2

/** Asks one candidate after the other until one of them begins to answer, and relays that answer but for its tail. */
export async function forward(plan: Plan, client: Client, entry: Entry, gateway: Gateway): Promise<Delivery> {
  const wait = new Wait()
  let failed: Failed | undefined
  let resent = false
  const done = new Set<string>()
  for (const turn of plan.turns) {
    // Another model of a connection that failed: it would be the same failure.
    if (done.has(turn.candidate.connection.id)) continue
    if (!worthAsking(turn, failed, client, entry, gateway)) break
    let tried = await ask(turn, false, plan, client, entry, gateway)
    if (tried.kind === 'failed' && tried.stale && mayGoOn(tried) && !resent) {
      // The one exception to "no connection twice": a socket that was dead before it was asked is no answer.
      resent = true
      failed = tried
      if (!worthAsking(turn, failed, client, entry, gateway)) break
      tried = await ask(turn, true, plan, client, entry, gateway)
    }
    if (tried.kind === 'delivered') return tried.delivery
    if (tried.kind === 'passed over') {
      wait.note(turn.candidate.connection, tried)
      continue
    }
    failed = tried
    if (!mayGoOn(tried)) break
    if (tried.verdict.fault !== 'caller') done.add(turn.candidate.connection.id)
  }
  if (!failed) throw wait.fault(entry, gateway)
  const { attempt, failure, verdict } = failed
  if (verdict.fault === 'caller' && failure.kind === 'answer' && readable(failure)) return passedOn(attempt, failure)
  throw faultOf(attempt.candidate, failure, verdict, wait.soonestMs(entry, gateway))
}

/** Whether there is anyone left to answer, a try left to do it with, and time. */
function worthAsking(
  turn: Turn,
  failed: Failed | undefined,
  client: Client,
  { call, attempts }: Entry,
  gateway: Gateway,
): boolean {
  if (attempts.length >= Math.min(attemptsMax, call.attemptsMax ?? attemptsMax)) return false
  if (failed && new Deadlines(call, turn.candidate, gateway.clock).leftMs < spentMs) return false
  if (client.gone) throw new Fault('client_closed', 'The client left.')
  if (gateway.live.stopping) throw new Fault('shutting_down', 'The gateway is going down.', { retryAfterMs: 1_000 })
  return true
}

/** Whether another connection may be asked: some failures it would share, and some might be billed twice. */
function mayGoOn({ attempt, failure, verdict }: Failed): boolean {
  return verdict.failover && (attempt.candidate.connection.retryAmbiguous || !ambiguous(failure))
}

/** Why candidates were passed over, and how long the caller should wait for the first of them. */
class Wait {
  readonly #msOf = new Map<string, number>()
  #onlyLimits = true

  note({ id }: Connection, { why, retryAfterMs }: PassedOver): void {
    this.#msOf.set(id, retryAfterMs)
    this.#onlyLimits &&= why === 'limit'
  }

  /** Of those that were passed over just now, and those that rest: one that does both is waited for longer. */
  soonestMs({ call, catalog }: Entry, { health, clock }: Gateway): number | undefined {
    const waits = catalog.candidates(call.asked.model).flatMap(({ connection, model }) => {
      const standing = health.standing(connection.id, model, clock.now())
      const passedOver = this.#msOf.get(connection.id)
      if (standing.state === 'closed') return passedOver ?? []
      return Math.max(standing.retryAfterMs, passedOver ?? 0)
    })
    return waits.length > 0 ? Math.min(...waits) : undefined
  }

  fault(entry: Entry, gateway: Gateway): Fault {
    const { model } = entry.call.asked
    const retryAfterMs = this.soonestMs(entry, gateway)
    const detail = retryAfterMs === undefined ? {} : { retryAfterMs }
    return this.#onlyLimits
      ? new Fault('upstream_rate_limited', `Every connection for '${model}' is at its limit.`, detail)
      : new Fault('no_healthy_connection', `Every connection for '${model}' is resting after failures.`, detail)
  }
}
