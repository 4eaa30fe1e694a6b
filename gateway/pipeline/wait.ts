import type { Connection } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { Entry } from './entry.ts'
import type { Gateway } from './gateway.ts'

/** Why a connection is not asked now, and how long that will be so. */
export interface Waiting {
  readonly reason: Verdict['fault']
  readonly retryAfterMs: number
}

/** What a caller is told whose call nobody may be asked for: by what all of them wait for, and until the first may. */
export function nobodyToAsk(model: string, waits: readonly Waiting[]): Fault {
  if (waits.every(({ reason }) => reason === 'credential')) {
    const message = `The providers of every connection for '${model}' refused its credential.`
    return new Fault('upstream_credentials_exhausted', message)
  }
  const detail = { retryAfterMs: Math.min(...waits.map(({ retryAfterMs }) => retryAfterMs)) }
  return waits.every(({ reason }) => reason === 'limit')
    ? new Fault('upstream_rate_limited', `Every connection for '${model}' is at its limit.`, detail)
    : new Fault('no_healthy_connection', `Every connection for '${model}' is resting after failures.`, detail)
}

/** The connections that a call found no way through: those that it passed over, and those that rest. */
export class Waits {
  readonly #passedOver = new Map<string, Waiting>()

  passedOver({ id }: Connection, waiting: Waiting): void {
    this.#passedOver.set(id, waiting)
  }

  /** One that is passed over and rests as well is waited for longer. */
  of({ call, catalog }: Entry, { health, clock }: Gateway): readonly Waiting[] {
    return catalog.candidates(call.asked.model).flatMap(({ connection, model }) => {
      const standing = health.standing(connection.id, model, clock.now())
      const passedOver = this.#passedOver.get(connection.id)
      if (standing.state === 'closed') return passedOver ?? []
      return passedOver && passedOver.retryAfterMs > standing.retryAfterMs ? passedOver : standing
    })
  }
}
