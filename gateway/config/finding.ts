import { defaultOrg } from '../catalog/limit-rules.ts'
import type { Steps } from './document.ts'
import { didYouMean } from './problem.ts'
import type { Placed, Sections } from './sections.ts'

/** A mistake that no member shows by itself. */
export interface Finding {
  readonly steps: Steps
  readonly message: string
}

/** What a connection can start from. */
export interface Preset {
  /** `undefined`: a connection has to say. */
  readonly baseUrl: string | undefined
  readonly credential: 'required' | 'optional' | 'none'
}

/** What the file is checked against. */
export interface Surroundings {
  readonly providers: ReadonlyMap<string, Preset>
  /** Ids of what is there without being declared. */
  readonly builtIn: { readonly connections: readonly string[]; readonly keys: readonly string[] }
  /** Whether a member stands in the file, be it out of shape. */
  written(steps: Steps): boolean
  /** A member's value as it may be told. */
  told(steps: Steps): string
  /** `tollgate.yaml:3:5` */
  where(steps: Steps): string
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
      : [{ steps: id, message: `found ${told(id)}, which ${where(before)} has too, expected another` }]
  })
}

/** An organisation that is named where only a declared one, or the default one, may be. */
export function unknownOrg(
  org: string,
  steps: Steps,
  { organisations }: Sections,
  around: Surroundings,
): readonly Finding[] {
  return unknown(org, steps, 'organisation', [defaultOrg, ...organisations.map(({ entry }) => entry.id)], around)
}

/** A name that has to be declared elsewhere in the file. */
export function unknown(
  name: string,
  steps: Steps,
  what: string,
  known: readonly string[],
  { told }: Surroundings,
): readonly Finding[] {
  if (known.includes(name)) return []
  const there = didYouMean(name, known) || (known.length === 0 ? ', and there is none' : `: ${known.join(', ')}`)
  return [{ steps, message: `found ${told(steps)}, expected a declared ${what}${there}` }]
}
