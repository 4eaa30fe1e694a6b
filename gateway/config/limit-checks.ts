import type { LimitEntry } from './file-schema.ts'
import { type Finding, type Surroundings, unknown } from './finding.ts'
import { limitsIn, readScope } from './limited.ts'
import type { Placed, Sections } from './sections.ts'

/** Limits that limit something, on what exists, and no two of them on the same. */
export function checkLimits(sections: Sections, around: Surroundings): readonly Finding[] {
  return [
    ...sections.limits.flatMap((placed) => [
      ...checkSubject(placed, around),
      ...checkOrg(placed, around),
      ...checkMeasures(placed, around),
    ]),
    ...repeatedLimits(sections, around),
  ]
}

// Users and features are made on first use; a limit on another name that nobody has would limit nothing, unnoticed.
function checkSubject({ entry, steps }: Placed<LimitEntry>, around: Surroundings): readonly Finding[] {
  const { scope, name } = readScope(entry.scope, entry.org)
  const at = [...steps, 'scope']
  if (name === '*') return []
  if (name.includes('*'))
    return [{ steps: at, message: () => 'found "*" within a name, expected a name, or "*" alone for each by itself' }]
  if (scope === 'org') return unknown('organisation', name, at, around)
  return scope === 'key' || scope === 'connection' ? unknown(scope, name, at, around) : []
}

function checkOrg({ entry, steps }: Placed<LimitEntry>, around: Surroundings): readonly Finding[] {
  if (entry.org === undefined) return []
  const { scope, name } = readScope(entry.scope, entry.org)
  const at = [...steps, 'org']
  if (scope === 'user' || scope === 'feature' || (scope === 'key' && name === '*'))
    return unknown('organisation', entry.org, at, around)
  return [{ steps: at, message: () => 'found an organisation, expected one only beside user:, feature: or key:*' }]
}

function checkMeasures({ steps }: Placed<LimitEntry>, { written }: Surroundings): readonly Finding[] {
  const measures = ['rpm', 'tpm', 'rpd', 'tpd', 'concurrency']
  if (measures.some((measure) => written([...steps, measure]))) return []
  return [{ steps, message: () => 'found a limit of nothing, expected rpm, tpm or concurrency' }]
}

function repeatedLimits(sections: Sections, { where }: Surroundings): readonly Finding[] {
  const same = Map.groupBy(limitsIn(sections), ({ scope, name, org, measure }) =>
    JSON.stringify([scope, name, org, measure]),
  )
  return [...same.values()].flatMap(([first, ...others]) =>
    others.map(({ steps }) => ({
      steps,
      message: () => `found the limit that ${where(first?.steps ?? [])} sets, expected it once`,
    })),
  )
}
