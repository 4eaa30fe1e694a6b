import { defaultOrg } from '../domain/key.ts'
import type { Steps } from './document.ts'
import { didYouMean } from './problem.ts'
import type { Placed, Sections } from './sections.ts'

/** A mistake: what it says is worked out for those alone that are reported. */
export interface Finding {
  readonly steps: Steps
  /** The key is what is wrong; without it the value. */
  readonly part?: 'key'
  readonly message: () => string
}

export type Referable = 'organisation' | 'key' | 'connection'
/** What may be referred to by name: what the file declares, and what is there anyway. */
export type Names = Readonly<Record<Referable, ReadonlySet<string>>>

/** What a connection can start from. */
export interface Preset {
  /** `undefined`: a connection has to say. */
  readonly baseUrl: string | undefined
  readonly credential: 'required' | 'optional' | 'none'
}

/** Ids of what is there without being declared. */
export interface BuiltIn {
  readonly connections: readonly string[]
  readonly keys: readonly string[]
}

/** What the file is checked against. */
export interface Surroundings {
  readonly providers: ReadonlyMap<string, Preset>
  readonly builtIn: BuiltIn
  readonly names: Names
  /** Whether a member stands in the file, be it out of shape. */
  written(steps: Steps): boolean
  /** A member's value as it may be told. */
  told(steps: Steps): string
  /** `tollgate.yaml:3:5` */
  where(steps: Steps): string
}

export function namesIn({ organisations, keys, connections }: Sections, builtIn: BuiltIn): Names {
  const idsOf = (entries: readonly Placed<{ readonly id: string }>[]) => entries.map(({ entry }) => entry.id)
  return {
    organisation: new Set([defaultOrg, ...idsOf(organisations)]),
    key: new Set([...idsOf(keys), ...builtIn.keys]),
    connection: new Set([...idsOf(connections), ...builtIn.connections]),
  }
}

/** Ids that stand twice in a list. */
export function repeatedIds(
  entries: readonly Placed<{ readonly id: string }>[],
  { told, where }: Surroundings,
): readonly Finding[] {
  const first = new Map<string, Steps>()
  return entries.flatMap(({ entry, steps }) => {
    const before = first.get(entry.id)
    if (before === undefined) first.set(entry.id, steps)
    const id = [...steps, 'id']
    return before === undefined
      ? []
      : [{ steps: id, message: () => `found ${told(id)}, which ${where(before)} has too, expected another` }]
  })
}

/** More names than these are not listed for want of the right one. */
const listedMax = 12

/** A name that has to be declared elsewhere in the file. */
export function unknown(
  what: Referable,
  name: string,
  steps: Steps,
  { told, names: { [what]: known } }: Surroundings,
): readonly Finding[] {
  if (known.has(name)) return []
  const there = () => {
    if (known.size === 0) return ', and there is none'
    return (
      didYouMean(name, known) || (known.size > listedMax ? ` (there are ${known.size})` : `: ${[...known].join(', ')}`)
    )
  }
  return [{ steps, message: () => `found ${told(steps)}, expected a declared ${what}${there()}` }]
}
