import type { Candidate } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import type { Admission } from './admit.ts'
import type { Gateway } from './gateway.ts'

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
  const turns = served.flatMap((candidate): Turn[] => {
    const standing = gateway.health.standing(candidate.connection.id, candidate.model, at)
    if (standing.state !== 'open') return [{ candidate, probe: standing.state === 'closed' ? 'none' : 'due' }]
    soonestMs = Math.min(soonestMs, standing.retryAfterMs)
    limited &&= standing.reason === 'limit'
    return []
  })
  if (turns.length > 0) return { admission, turns: byWeight(turns) }
  throw limited
    ? new Fault('upstream_rate_limited', `Every connection for '${model}' is at its provider's limit.`, {
        retryAfterMs: soonestMs,
      })
    : new Fault('no_healthy_connection', `Every connection for '${model}' is resting after failures.`, {
        retryAfterMs: soonestMs,
      })
}

/** Keeps the order of ranks and draws the order inside each; one candidate, the common case, is left alone. */
function byWeight(turns: readonly Turn[]): readonly Turn[] {
  if (turns.length < 2) return turns
  return turns
    .map((turn) => ({ turn, draw: Math.random() ** (1 / turn.candidate.connection.weight) }))
    .sort((a, b) => a.turn.candidate.rank - b.turn.candidate.rank || b.draw - a.draw)
    .map(({ turn }) => turn)
}
