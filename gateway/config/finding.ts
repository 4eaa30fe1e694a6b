import { defaultOrg } from '../catalog/limit-rules.ts'
import type { Steps } from './document.ts'
import { didYouMean, shown } from './problem.ts'
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
  /** `tollgate.yaml:3:5` */
  where(steps: Steps): string
}

/** Ids that stand twice in a list. */
export function repeatedIds(
  entries: readonly Placed<{ readonly id: string }>[],
  { where }: Surroundings,
): readonly Finding[] {
  const first = new Map<string, Steps>()
  return entries.flatMap(({ entry: { id }, steps }) => {
    const before = first.get(id)
    if (before !== undefined)
      return [
        { steps: [...steps, 'id'], message: `found ${shown(id)}, which ${where(before)} has too, expected another` },
      ]
    first.set(id, steps)
    return []
  })
}

/** An organisation that is named where only a declared one, or the default one, may be. */
export function unknownOrg(org: string, steps: Steps, { organisations }: Sections): readonly Finding[] {
  const known = [defaultOrg, ...organisations.map(({ entry }) => entry.id)]
  return known.includes(org) ? [] : [{ steps, message: unknown(org, 'organisation', known) }]
}

/** `found "amce", expected a declared organisation; did you mean "acme"?` */
export function unknown(found: string, what: string, known: readonly string[]): string {
  return `found ${shown(found)}, expected a declared ${what}${didYouMean(found, known) || (known.length === 0 ? ', and there is none' : `: ${known.join(', ')}`)}`
}
