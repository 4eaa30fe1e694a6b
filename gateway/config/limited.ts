import type { LimitRule } from '../catalog/catalog.ts'
import { subjectIn } from '../catalog/limit-rules.ts'
import { limitOf, type Measure, type Scope } from '../domain/limit.ts'
import type { Steps } from './document.ts'
import type { LimitSet } from './file-schema.ts'
import type { Sections } from './sections.ts'

/** Whom a limit is on: one by name, or (`*`) each of its scope by itself. */
export interface LimitedScope {
  readonly scope: Scope
  readonly name: string
  /** The organisation that it is confined to. */
  readonly org: string | undefined
}

/** One limit as the file says it, and where. */
export interface Limited extends LimitedScope {
  readonly measure: Measure
  readonly max: number
  readonly steps: Steps
}

const measures = { rpm: 'requests', tpm: 'tokens', concurrency: 'concurrency' } as const satisfies Partial<
  Record<keyof LimitSet, Measure>
>
const scopes: readonly Scope[] = ['connection', 'key', 'user', 'org', 'feature', 'model', 'global']

/** Reads a scope whose shape was checked: `key:dev`, `user:*`, `global`. */
export function readScope(text: string, org: string | undefined): LimitedScope {
  const colon = text.indexOf(':')
  const word = colon < 0 ? text : text.slice(0, colon)
  const scope = scopes.find((known) => known === word) ?? 'global'
  return { scope, name: scope === 'global' ? 'all' : text.slice(colon + 1), org }
}

/** Every limit that the file sets: on connections, on keys, and in the list of limits. */
export function limitsIn({ connections, keys, limits }: Sections): readonly Limited[] {
  return [
    ...connections.flatMap(({ entry, steps }) =>
      each(entry.limits, { scope: 'connection', name: entry.id, org: undefined }, [...steps, 'limits']),
    ),
    ...keys.flatMap(({ entry, steps }) =>
      each(entry.limits, { scope: 'key', name: entry.id, org: undefined }, [...steps, 'limits']),
    ),
    ...limits.flatMap(({ entry, steps }) => each(entry, readScope(entry.scope, entry.org), steps)),
  ]
}

function each(set: LimitSet | undefined, on: LimitedScope, steps: Steps): readonly Limited[] {
  return Object.entries(measures).flatMap(([member, measure]) => {
    const max = set?.[member as keyof typeof measures]
    return max === undefined ? [] : [{ ...on, measure, max, steps: [...steps, member] }]
  })
}

export function ruleOf({ scope, name, org, measure, max }: Limited): LimitRule {
  const { windowMs } = limitOf(scope, name, measure, max)
  if (name === '*') return { each: { scope, measure, windowMs, max }, org }
  if (scope !== 'user' && scope !== 'feature') return { limit: limitOf(scope, name, measure, max) }
  if (org !== undefined) return { limit: limitOf(scope, subjectIn(org, name), measure, max) }
  return { each: { scope, measure, windowMs, max }, org, named: name }
}
