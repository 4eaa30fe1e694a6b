import type { Candidate } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import type { Admission } from './admit.ts'
import type { Gateway } from './gateway.ts'

/** The candidates to be tried, in order. */
export interface Plan {
  readonly admission: Admission
  readonly candidates: readonly Candidate[]
}

/** A model's candidates that may be asked now: by rank, and within one rank by chance according to weight. */
export function route(admission: Admission, gateway: Gateway): Plan {
  const { call, catalog } = admission.entry
  const model = call.asked.model
  const served = catalog.candidates(model)
  if (served.length === 0) {
    throw new Fault('model_not_found', `The model '${model}' does not exist here: no connection serves it.`, {
      param: 'model',
    })
  }
  const at = gateway.clock.now()
  let soonestMs = Number.POSITIVE_INFINITY
  let limited = true
  const candidates = served.filter(({ connection }) => {
    const standing = gateway.health.standing(connection.id, at)
    if (standing.available) return true
    soonestMs = Math.min(soonestMs, standing.retryAfterMs)
    limited &&= standing.reason === 'limit'
    return false
  })
  if (candidates.length > 0) return { admission, candidates: byWeight(candidates) }
  throw limited
    ? new Fault('upstream_rate_limited', `Every connection for '${model}' is at its provider's limit.`, {
        retryAfterMs: soonestMs,
      })
    : new Fault('no_healthy_connection', `Every connection for '${model}' is resting after failures.`, {
        retryAfterMs: soonestMs,
      })
}

/** Keeps the order of ranks and draws the order inside each; one candidate, the common case, is left alone. */
function byWeight(candidates: readonly Candidate[]): readonly Candidate[] {
  if (candidates.length < 2) return candidates
  return candidates
    .map((candidate) => ({ candidate, draw: Math.random() ** (1 / candidate.connection.weight) }))
    .sort((a, b) => a.candidate.rank - b.candidate.rank || b.draw - a.draw)
    .map(({ candidate }) => candidate)
}
