import type { Candidate } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import type { Admission } from './admit.ts'
import { bestEjected, readmitted } from './ejection.ts'
import type { Gateway } from './gateway.ts'
import { type Choice, inOrder } from './order.ts'
import { nobodyToAsk } from './wait.ts'

/** The candidates to be tried, in order. */
export interface Plan {
  readonly admission: Admission
  readonly turns: readonly Turn[]
}

/**
 * A candidate in its turn. `probe`: its connection rests or did, so it may be asked only by who gets its probe (`early`:
 * before the rest is over, because nobody else is left).
 */
export interface Turn {
  readonly candidate: Candidate
  readonly probe: 'none' | 'due' | 'early'
}

/**
 * A model's candidates that may be asked now: by rank, and within one rank by how well, how fast and how near to the
 * call their connections are. `random` as `Math.random`.
 */
export function route(
  admission: Admission,
  gateway: Pick<Gateway, 'clock' | 'health' | 'headroom'>,
  random = Math.random,
): Plan {
  const { call, catalog } = admission.entry
  if (call.only !== undefined) return { admission, turns: [theOnly(call.only, admission)] }
  const { model } = call.asked
  const served = catalog.candidates(model)
  if (served.length === 0) {
    throw new Fault('model_not_found', `The model '${model}' does not exist here: no connection serves it.`, {
      param: 'model',
    })
  }
  const at = gateway.clock.now()
  const options = served.map((candidate): Choice => {
    const health = gateway.health.standing(candidate.connection.id, candidate.model, at)
    return { candidate, health, probe: 'none' }
  })
  const choices = options.every(({ health }) => health.state === 'closed') ? options : choicesAmong(options)
  if (choices.length > 0) {
    const { affinity } = catalog.settings
    return { admission, turns: inOrder(choices, { call, affinity, headroom: gateway.headroom, at, random }) }
  }
  const last = bestEjected(options)
  if (last) return { admission, turns: [{ candidate: last.candidate, probe: 'early' }] }
  throw nobodyToAsk(
    model,
    options.flatMap(({ health }) => (health.state === 'closed' ? [] : health)),
  )
}

/** A test of one connection goes there and nowhere else, however it stands. */
function theOnly(connectionId: string, { entry: { call, catalog } }: Admission): Turn {
  const candidate = catalog.candidateOn(connectionId, call.asked.model)
  if (candidate) return { candidate, probe: 'none' }
  const message = `The connection '${connectionId}' does not serve the model '${call.asked.model}'.`
  throw new Fault('model_not_found', message, { param: 'model' })
}

/** Those that may be asked, where not all may. */
function choicesAmong(options: readonly Choice[]): readonly Choice[] {
  const taken = readmitted(options)
  return options.flatMap((option): readonly Choice[] => {
    const { candidate, health } = option
    if (health.state === 'closed' || taken.has(candidate.connection.id)) return [option]
    return health.state === 'half-open' ? [{ candidate, health, probe: 'due' }] : []
  })
}
