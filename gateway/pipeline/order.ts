import type { Call } from '../domain/call.ts'
import { affinityOf, distance } from './affinity.ts'
import type { Gateway } from './gateway.ts'
import type { Turn } from './turn.ts'

/** Below this score, or from this share of its limits on, a connection is not the place to bring a session back to. */
const preferredScoreMin = 0.9
const preferredShareMax = 0.8

/** Slowness counts, but no more than by half: who never gets a call can never show that it became faster. */
const slownessMin = 0.5

export interface Circumstances {
  readonly call: Call
  /** Whether calls that share a beginning should go where it is cached. */
  readonly affinity: boolean
  readonly headroom: Gateway['headroom']
  readonly at: number
  readonly random: () => number
}

/** Keeps the order of ranks, in which turns come, and finds the order inside each. */
export function inOrder(turns: readonly Turn[], circumstances: Circumstances): readonly Turn[] {
  const rankAt = (index: number) => turns[index]?.candidate.rank
  // Equals stand beside each other.
  if (!turns.some((_, index) => index > 0 && rankAt(index) === rankAt(index - 1))) return turns
  const affinity = circumstances.affinity ? affinityOf(circumstances.call) : undefined
  const ordered: Turn[] = []
  for (let from = 0, to = 0; from < turns.length; from = to) {
    while (to < turns.length && rankAt(to) === rankAt(from)) to++
    const equals = turns.slice(from, to)
    ordered.push(...(equals.length === 1 ? equals : amongEquals(equals, affinity, circumstances)))
  }
  return ordered
}

/**
 * Whose probe is due comes first: it costs one call, other calls go on to the next turn, and without it the connection
 * would never be found well where those beside it are preferred. Then who is near to the call, then the others by chance.
 */
function amongEquals(
  equals: readonly Turn[],
  affinity: string | undefined,
  { headroom, at, random }: Circumstances,
): readonly Turn[] {
  const fastestMs = Math.min(...equals.map(latencyMs))
  return equals
    .map((turn) => {
      const { candidate, health, probe } = turn
      if (probe === 'due') return { turn, tier: 0, place: drawn(turn, fastestMs, random) }
      const preferred =
        affinity !== undefined &&
        health.state === 'closed' &&
        health.score >= preferredScoreMin &&
        headroom.share(candidate.connection.id, at) < preferredShareMax
      return preferred
        ? { turn, tier: 1, place: distance(affinity, candidate.connection) }
        : { turn, tier: 2, place: drawn(turn, fastestMs, random) }
    })
    .sort((a, b) => a.tier - b.tier || a.place - b.place)
    .map(({ turn }) => turn)
}

/** The first of such draws falls to each with a chance in proportion to its weight, health and speed. */
function drawn(turn: Turn, fastestMs: number, random: () => number): number {
  const { candidate, health } = turn
  const ownMs = latencyMs(turn)
  const speed = Number.isFinite(ownMs) && ownMs > 0 ? Math.max(slownessMin, Math.sqrt(fastestMs / ownMs)) : 1
  return -Math.log(1 - random()) / (candidate.connection.weight * health.score ** 2 * speed)
}

/** Of an unknown one, infinite: it is never the fastest. */
function latencyMs({ health }: Turn): number {
  return (health.state === 'closed' ? health.latencyMs : undefined) ?? Number.POSITIVE_INFINITY
}
