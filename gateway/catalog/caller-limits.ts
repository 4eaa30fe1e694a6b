import type { Identity, Key } from '../domain/key.ts'
import type { Limit } from '../domain/limit.ts'
import type { LimitRule } from './catalog.ts'
import { limitsOn, subjectIn } from './limit-rules.ts'
import { memo } from './memo.ts'

const callersRemembered = 10_000
const none: readonly Limit[] = Object.freeze([])

/**
 * Finds the limits on a caller. They are put together once for each combination of what the rules look at, so that a
 * call costs one look-up; where no rule speaks of users, say, all users of a key share the answer.
 */
export function callerLimits(
  rules: readonly LimitRule[],
): (key: Key, identity: Identity, model: string) => readonly Limit[] {
  if (rules.length === 0) return () => none
  const scopes = new Set(rules.map((rule) => ('limit' in rule ? rule.limit : rule.each).scope))
  const on = limitsOn(rules)

  const find = (key: Key, user: string, feature: string, model: string): readonly Limit[] =>
    Object.freeze([
      ...on('key', key.id, key.org),
      ...(user === '' ? none : on('user', subjectIn(key.org, user), key.org, user)),
      ...on('org', key.org, key.org),
      ...(feature === '' ? none : on('feature', subjectIn(key.org, feature), key.org, feature)),
      ...(model === '' ? none : on('model', model)),
      ...on('global', 'all'),
    ])

  const recall = memo<readonly Limit[]>(callersRemembered)
  return (key, identity, model) => {
    const user = scopes.has('user') ? (identity.user ?? '') : ''
    const feature = scopes.has('feature') ? (identity.feature ?? '') : ''
    const limited = scopes.has('model') ? model : ''
    // Lengths, because clients choose these names and may put any separator into them.
    const caller = `${key.id} ${user.length} ${feature.length} ${user}${feature}${limited}`
    return recall(caller, () => find(key, user, feature, limited)) ?? none
  }
}
