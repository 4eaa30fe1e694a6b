import { matches } from '../domain/pattern.ts'
import type { Steps } from './document.ts'
import type { Finding, Surroundings } from './finding.ts'
import { modelPatterns } from './model-patterns.ts'
import { shown } from './problem.ts'
import type { Placed, Sections } from './sections.ts'

type VirtualModel = Placed<readonly string[]>

/** Virtual models that hide no real one and lead somewhere. */
export function checkModels(sections: Sections, around: Surroundings): readonly Finding[] {
  return [...hidingOthers(sections, around), ...inCircles(sections, around)]
}

function hidingOthers({ connections, models }: Sections, { where }: Surroundings): readonly Finding[] {
  // Of a pattern that many connections have the first: names times connections would be a long time.
  const servers = new Map<string, Steps>()
  for (const { entry, steps } of connections)
    for (const { pattern } of modelPatterns(entry.models)) if (!servers.has(pattern)) servers.set(pattern, steps)
  // It serves whatever is asked for, and would forbid every name.
  servers.delete('*')
  const stars = [...servers].filter(([pattern]) => pattern.includes('*'))
  return models.flatMap(({ steps }) => {
    const name = nameOf(steps)
    const server = servers.get(name) ?? stars.find(([pattern]) => matches(pattern, name))?.[1]
    if (server === undefined) return []
    return [{ steps, message: () => `found a name that the connection at ${where(server)} serves, expected another` }]
  })
}

/**
 * The members that close a circle, one of each. Walked in depth, each model once and on a trail of our own: a chain of
 * thousands would be too deep for calls.
 */
function inCircles({ models }: Sections, { told }: Surroundings): readonly Finding[] {
  const byName = new Map(models.map((model) => [nameOf(model.steps), model]))
  const findings: Finding[] = []
  const left = new Set<VirtualModel>()
  const entered = new Set<VirtualModel>()
  for (const root of models) {
    const trail = entered.has(root) ? [] : [{ model: root, next: 0 }]
    entered.add(root)
    for (let here = trail.at(-1); here; here = trail.at(-1)) {
      const { model, next } = here
      const member = model.entry[here.next++]
      const behind = member === undefined ? undefined : byName.get(member)
      if (member === undefined) {
        left.add(model)
        trail.pop()
      } else if (behind && !entered.has(behind)) {
        entered.add(behind)
        trail.push({ model: behind, next: 0 })
      } else if (behind && !left.has(behind)) {
        const steps = [...model.steps, next]
        const back = shown(nameOf(model.steps))
        findings.push({ steps, message: () => `found ${told(steps)}, which leads back to ${back}, expected another` })
      }
    }
  }
  return findings
}

function nameOf(steps: Steps): string {
  return String(steps.at(-1))
}
