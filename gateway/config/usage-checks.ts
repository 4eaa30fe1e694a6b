import { valueAt } from './document.ts'
import { settingsSchema } from './file-schema.ts'
import type { Finding, Surroundings } from './finding.ts'

/** Sums that outlive the rows they sum, and rows that reach the ledger. */
export function checkUsage(file: unknown, around: Surroundings): readonly Finding[] {
  return [...checkRetention(file, around), ...checkSinks(file)]
}

function checkRetention(file: unknown, { written, told }: Surroundings): readonly Finding[] {
  const steps = ['settings', 'retention']
  const retention = settingsSchema.shape.retention.safeParse(valueAt(file, steps) ?? {}).data
  if (retention === undefined || retention.rollups_days >= retention.rows_days) return []
  // The member that stands in the file is the one that can be put right; the other may be a default.
  const sums = [...steps, 'rollups_days']
  if (written(sums)) {
    const message = () => `found ${told(sums)}, expected at least rows_days: ${retention.rows_days}`
    return [{ steps: sums, message }]
  }
  const rows = [...steps, 'rows_days']
  return [
    { steps: rows, message: () => `found ${told(rows)}, expected at most rollups_days: ${retention.rollups_days}` },
  ]
}

function checkSinks(file: unknown): readonly Finding[] {
  const steps = ['settings', 'usage_sinks']
  const sinks = settingsSchema.shape.usage_sinks.safeParse(valueAt(file, steps)).data
  if (sinks === undefined) return []
  const databases = sinks.filter((sink) => sink === 'postgres').length
  const found = (what: string): readonly Finding[] => [{ steps, message: () => what }]
  // Limits, budgets and everything that is shown are made of what is in there.
  if (databases !== 1) return found(`found postgres ${databases === 0 ? 'missing' : 'twice'}, expected it once`)
  if (sinks.length - databases > 1) return found('found more than one folder, expected one at most')
  return []
}
