import { matches } from '../domain/pattern.ts'
import type { Finding, Surroundings } from './finding.ts'
import { modelPatterns } from './model-patterns.ts'
import { shown } from './problem.ts'
import type { Sections } from './sections.ts'

/** Virtual models that hide no real one and lead somewhere. */
export function checkModels({ connections, models }: Sections, { told, where }: Surroundings): readonly Finding[] {
  const members = new Map(models.map(({ steps, entry }) => [String(steps.at(-1)), entry]))
  return [...members].flatMap(([name, behind]) => {
    const steps = ['models', name]
    // "*" serves whatever is asked for, and would forbid every name.
    const hidden = connections.find(({ entry }) =>
      modelPatterns(entry.models).some(({ pattern }) => pattern !== '*' && matches(pattern, name)),
    )
    if (hidden !== undefined) {
      return [{ steps, message: `found a name that the connection at ${where(hidden.steps)} serves, expected another` }]
    }
    const circle = behind.findIndex((member) => leadsTo(member, name, members))
    const at = [...steps, circle]
    return circle < 0
      ? []
      : [{ steps: at, message: `found ${told(at)}, which leads back to ${shown(name)}, expected another` }]
  })
}

function leadsTo(
  from: string,
  name: string,
  members: ReadonlyMap<string, readonly string[]>,
  met = new Set<string>(),
): boolean {
  if (from === name) return true
  if (met.has(from)) return false
  met.add(from)
  return (members.get(from) ?? []).some((member) => leadsTo(member, name, members, met))
}
