import { defaultOrg } from '../domain/key.ts'
import { type Limit, limitOf, type Scope } from '../domain/limit.ts'
import type { LimitRule } from './catalog.ts'

/**
 * The subject of a limit on a user or feature. Such names are each organisation's own, and clients choose them: two
 * organisations' `ana` must not use up each other's limits. Bare in the default organisation, the only one of most
 * installations; a slash in such a name must not pass for another organisation's.
 */
export function subjectIn(org: string, name: string): string {
  return org === defaultOrg && !name.includes('/') ? name : `${org}/${name}`
}

type EachRule = Extract<LimitRule, { each: unknown }>

/** Finds all limits on one subject: of each measure the one whose rule says most about the subject. */
export function limitsOn(
  rules: readonly LimitRule[],
): (scope: Scope, subject: string, org?: string, name?: string) => readonly Limit[] {
  const single = Map.groupBy(
    rules.flatMap((rule) => ('limit' in rule ? [rule.limit] : [])),
    (limit) => `${limit.scope}:${limit.subject}`,
  )
  const each = Map.groupBy(
    rules.flatMap((rule) => ('limit' in rule ? [] : [rule])).toSorted((a, b) => says(b) - says(a)),
    (rule) => rule.each.scope,
  )
  return (scope, subject, org, name) => {
    // The limits of one subject and measure share an id, and with it a counter: of two, one would count twice.
    const found = new Map<string, Limit>()
    for (const limit of single.get(`${scope}:${subject}`) ?? []) keepFirst(found, limit)
    for (const rule of each.get(scope) ?? []) {
      if (rule.org !== undefined && rule.org !== org) continue
      if (rule.named !== undefined && rule.named !== name) continue
      keepFirst(found, limitOf(scope, subject, rule.each.measure, rule.each.max))
    }
    return [...found.values()]
  }
}

function says(rule: EachRule): number {
  return (rule.named === undefined ? 0 : 2) + (rule.org === undefined ? 0 : 1)
}

function keepFirst(found: Map<string, Limit>, limit: Limit): void {
  if (!found.has(limit.id)) found.set(limit.id, limit)
}
