import type { Candidate } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import type { Admission } from './admit.ts'
import { bestEjected, readmitted } from './ejection.ts'
import type { Gateway } from './gateway.ts'
import { inOrder } from './order.ts'
import type { Option, Turn } from './turn.ts'
import { nobodyToAsk } from './wait.ts'

/** Who is asked, one after the other until somebody answers. */
export interface Plan {
  readonly admission: Admission
  readonly turns: readonly Turn[]
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
  const at = gateway.clock.now()
  const optionOf = (candidate: Candidate): Option => {
    return { candidate, health: gateway.health.standing(candidate.connection.id, candidate.model, at) }
  }
  if (call.only !== undefined) {
    return { admission, turns: [{ ...optionOf(theOnly(call.only, admission)), probe: 'none' }] }
  }
  const { model } = call.asked
  const served = catalog.candidates(model)
  if (served.length === 0) {
    throw new Fault('model_not_found', `The model '${model}' does not exist here: no connection serves it.`, {
      param: 'model',
    })
  }
  const options = served.map(optionOf)
  const turns = turnsAmong(options)
  if (turns.length > 0) {
    const { affinity } = catalog.settings
    return { admission, turns: inOrder(turns, { call, affinity, headroom: gateway.headroom, at, random }) }
  }
  const last = bestEjected(options)
  if (last) return { admission, turns: [{ ...last, probe: 'early' }] }
  throw nobodyToAsk(
    model,
    options.flatMap(({ health }) => (health.state === 'closed' ? [] : health)),
  )
}

/** A test of one connection goes there and nowhere else, however it stands. */
function theOnly(connectionId: string, { entry: { call, catalog } }: Admission): Candidate {
  const candidate = catalog.candidateOn(connectionId, call.asked.model)
  if (candidate) return candidate
  const message = `The connection '${connectionId}' does not serve the model '${call.asked.model}'.`
  throw new Fault('model_not_found', message, { param: 'model' })
}

/** Open connections have none, unless they are readmitted. */
function turnsAmong(options: readonly Option[]): readonly Turn[] {
  const back = readmitted(options)
  return options.flatMap(({ candidate, health }): readonly Turn[] => {
    if (health.state === 'closed' || back.has(candidate.connection.id)) return [{ candidate, health, probe: 'none' }]
    return health.state === 'half-open' ? [{ candidate, health, probe: 'due' }] : []
  })
}
