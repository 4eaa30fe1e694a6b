import type { Environment, Steps } from './document.ts'
import type { Finding } from './finding.ts'
import type { Problem } from './problem.ts'

/**
 * What can be said already and is not done yet. Ignoring it would let people believe in a budget that nobody keeps, so
 * it is refused; `today` lists the values that only state what holds anyway.
 */
interface Later {
  /** A variable, or a member of the file, where `*` stands for every one of a list. */
  readonly setting: string
  readonly brings: string
  readonly today?: readonly unknown[]
}

const variables: readonly Later[] = [
  { setting: 'REDIS_URL', brings: 'limits that replicas share through Redis' },
  { setting: 'TOLLGATE_WORKERS', brings: 'several processes on one port', today: ['1'] },
  { setting: 'TOLLGATE_ADMIN_PORT', brings: 'a separate listener for administration' },
  { setting: 'TOLLGATE_ADMIN_TOKEN', brings: 'the admin API' },
  { setting: 'TOLLGATE_BASE_PATH', brings: 'serving under a sub-path', today: ['/'] },
  { setting: 'TOLLGATE_UI', brings: 'the admin UI', today: ['off', 'false'] },
  { setting: 'TOLLGATE_TRUSTED_PROXIES', brings: 'trusting the headers of proxies', today: ['none'] },
  { setting: 'TOLLGATE_INSECURE_HTTP', brings: 'signing in', today: ['false', 'off'] },
]

const perDay = 'limits by the calendar day'

const members: readonly Later[] = [
  { setting: 'connections.*.limits.rpd', brings: perDay },
  { setting: 'connections.*.limits.tpd', brings: perDay },
  { setting: 'keys.*.limits.rpd', brings: perDay },
  { setting: 'keys.*.limits.tpd', brings: perDay },
  { setting: 'keys.*.passthrough', brings: 'passthrough to /c/{connection}/…', today: [false] },
  { setting: 'limits.*.rpd', brings: perDay },
  { setting: 'limits.*.tpd', brings: perDay },
  { setting: 'limits.*.mode', brings: 'limits that alert or only count', today: ['hard'] },
  { setting: 'budgets', brings: 'limits on money', today: [[]] },
  { setting: 'settings.budget_exceeded_status', brings: 'budgets' },
  { setting: 'settings.on_store_loss', brings: 'limits and budgets in a store that can be away' },
  { setting: 'settings.unpriced_under_hard_budget', brings: 'budgets' },
  { setting: 'settings.clamp_output', brings: 'budgets', today: [false] },
  { setting: 'settings.passthrough_hold_usd', brings: 'passthrough under budgets' },
]

/** Variables that ask for what this release does not do. */
export function laterVariables(env: Environment): readonly Problem[] {
  return variables.flatMap((later) => {
    const value = env[later.setting]?.trim()
    if (!value || later.today?.includes(value.toLowerCase())) return []
    return [{ path: later.setting, message: refusal(later) }]
  })
}

/** Members of the file that ask for what this release does not do. */
export function laterMembers(file: unknown): readonly Finding[] {
  return members.flatMap((later) =>
    membersAt(file, later.setting.split('.'))
      .filter(({ value }) => !later.today?.some((today) => JSON.stringify(today) === JSON.stringify(value)))
      .map(({ steps }) => ({ steps, message: () => refusal(later) })),
  )
}

function refusal({ brings, today }: Later): string {
  const [same] = today ?? []
  const instead = same === undefined ? '' : `, or set it to ${typeof same === 'string' ? same : JSON.stringify(same)}`
  return `not in this release: ${brings}; remove it${instead}`
}

function membersAt(
  value: unknown,
  setting: readonly string[],
  steps: Steps = [],
): readonly { readonly steps: Steps; readonly value: unknown }[] {
  const [step, ...rest] = setting
  if (step === undefined) return [{ steps, value }]
  if (step === '*') {
    return Array.isArray(value) ? value.flatMap((item, index) => membersAt(item, rest, [...steps, index])) : []
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return []
  return membersAt(Reflect.get(value, step), rest, [...steps, step])
}
