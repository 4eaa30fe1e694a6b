import type { LimitRule } from '../catalog/catalog.ts'
import type { Measure, Scope } from '../domain/limit.ts'

const names = { requests: 'rpm', tokens: 'tpm', concurrency: 'concurrency' } as const satisfies Record<Measure, string>

export type OwnLimits = Readonly<Partial<Record<(typeof names)[Measure], number>>>

/** The limits that are set on one subject by itself, by the names they have in the file. */
export function ownLimits(rules: readonly LimitRule[], scope: Scope, subject: string): OwnLimits {
  const own = rules.flatMap((rule) =>
    'limit' in rule && rule.limit.scope === scope && rule.limit.subject === subject ? [rule.limit] : [],
  )
  return Object.fromEntries(own.map(({ measure, max }) => [names[measure], max]))
}

export function limitWords(limits: OwnLimits): string {
  const words = Object.entries(limits).map(([name, max]) => `${max.toLocaleString('en-US')} ${name}`)
  return words.length === 0 ? '—' : words.join(', ')
}
