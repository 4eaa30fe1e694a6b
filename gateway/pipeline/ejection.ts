import type { Option } from './turn.ts'

const nobody: ReadonlySet<string> = new Set()

/**
 * The ejected connections that are readmitted, so that no more than half of a model's connections stay ejected. Where
 * our breaker finds more of them ill, the illness is likelier in the calls, the network or ourselves, and to refuse
 * everything would be worse than to try. The best are readmitted: by score, then by rank.
 */
export function readmitted(options: readonly Option[]): ReadonlySet<string> {
  if (!options.some(isEjected)) return nobody
  const serving = new Set(options.map(connectionId))
  const ejected = new Set(options.filter(isEjected).sort(byScore).map(connectionId))
  const ejectedMax = Math.floor(serving.size / 2)
  return new Set([...ejected].slice(0, Math.max(0, ejected.size - ejectedMax)))
}

/** The best of the ejected: where nobody else is left, it is asked before its rest is over. */
export function bestEjected(options: readonly Option[]): Option | undefined {
  return options.filter(isEjected).sort(byScore)[0]
}

function isEjected({ health }: Option): boolean {
  return health.state !== 'closed' && health.ejected
}

/** Options come by rank, and sorting leaves equals as they are. */
function byScore(a: Option, b: Option): number {
  return b.health.score - a.health.score
}

function connectionId({ candidate }: Option): string {
  return candidate.connection.id
}
