import { type Steps, valueAt } from './document.ts'
import { settingsSchema } from './file-schema.ts'
import type { Finding, Surroundings } from './finding.ts'

const standings = ['degraded', 'warning', 'critical'] as const
type Thresholds = Readonly<Record<(typeof standings)[number], number>>

/** Thresholds in their order: the worse the standing, the less success it takes, and the more errors in a row. */
export function checkHealth(file: unknown, around: Surroundings): readonly Finding[] {
  const steps = ['settings', 'health']
  const health = settingsSchema.shape.health.safeParse(valueAt(file, steps) ?? {}).data
  if (health === undefined) return []
  return [
    ...inOrder(health.success_percent, 'most', [...steps, 'success_percent'], around),
    ...inOrder(health.errors_in_a_row, 'least', [...steps, 'errors_in_a_row'], around),
  ]
}

function inOrder(thresholds: Thresholds, bound: 'most' | 'least', steps: Steps, around: Surroundings) {
  return standings.slice(1).flatMap((worse, index): readonly Finding[] => {
    const better = standings[index] ?? worse
    const ordered = bound === 'most' ? thresholds[worse] <= thresholds[better] : thresholds[worse] >= thresholds[better]
    // The member that stands in the file is the one that can be put right; the other may be a default.
    const stated = around.written([...steps, worse]) ? worse : better
    if (ordered) return []
    const other = stated === worse ? better : worse
    const side = (stated === worse) === (bound === 'most') ? 'most' : 'least'
    const found = () =>
      `found ${around.told([...steps, stated])}, expected at ${side} that of ${other}: ${thresholds[other]}`
    return [{ steps: [...steps, stated], message: found }]
  })
}
