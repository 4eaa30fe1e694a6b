import { type HealthRules, type HealthWord, healthWords } from '../domain/settings.ts'
import type { Verdict } from '../domain/verdict.ts'

/** What the rules look at; counts are of the rules' window. */
export interface HealthFigures {
  /** However they ended. */
  readonly attempts: number
  readonly succeeded: number
  /** By the connection's doing: not what the caller had wrong, nor what a provider's limit refused. */
  readonly failed: number
  readonly errorsInARow: number
  /** Whether it was ever asked, in the window or before. */
  readonly used: boolean
  readonly credentialRefused: boolean
  /** `ejected`: else it is held. */
  readonly rest: { readonly reason: Verdict['fault']; readonly ejected: boolean; readonly leftMs: number } | undefined
}

interface Finding {
  readonly health: HealthWord
  readonly why: string
}

/** How a connection is, by the worst that can be said of it, and why. */
export function healthOf(figures: HealthFigures, rules: HealthRules): Finding {
  const findings = [
    ...byCredential(figures),
    ...bySuccess(figures, rules),
    ...byErrors(figures, rules),
    ...byRest(figures),
  ]
  const badness = Math.max(0, ...findings.map(({ health }) => healthWords.indexOf(health)))
  const worst = findings.filter(({ health }) => healthWords.indexOf(health) === badness)
  if (worst.length === 0) return { health: 'healthy', why: whyHealthy(figures, rules) }
  return { health: healthWords[badness] ?? 'critical', why: worst.map(({ why }) => why).join('; ') }
}

const worstFirst = ['critical', 'warning', 'degraded'] as const

function byCredential({ credentialRefused }: HealthFigures): readonly Finding[] {
  return credentialRefused ? [{ health: 'critical', why: 'its provider refused its credential' }] : []
}

function bySuccess(figures: HealthFigures, rules: HealthRules): readonly Finding[] {
  if (!isJudged(figures, rules)) return []
  const percent = successPercent(figures)
  const health = worstFirst.find((word) => percent < rules.successPercent[word])
  return health ? [{ health, why: `${successWords(figures, rules)}, below ${rules.successPercent[health]} %` }] : []
}

function byErrors({ errorsInARow }: HealthFigures, rules: HealthRules): readonly Finding[] {
  const health = worstFirst.find((word) => errorsInARow >= rules.errorsInARow[word])
  const why = errorsInARow === 1 ? '1 error, no success since' : `${errorsInARow} errors in a row`
  return health ? [{ health, why }] : []
}

function byRest({ rest }: HealthFigures): readonly Finding[] {
  // A refused credential is worse than the rest it brings, and told by itself.
  if (!rest || rest.reason === 'credential') return []
  const left = `${inWords(rest.leftMs)} left`
  if (rest.ejected) return [{ health: 'warning', why: `rests after failures: ${left}` }]
  if (rest.reason === 'limit') return [{ health: 'degraded', why: `its provider's limit is reached: ${left}` }]
  return [{ health: 'degraded', why: `its provider asked for rest: ${left}` }]
}

function whyHealthy(figures: HealthFigures, rules: HealthRules): string {
  const { attempts, succeeded, failed, used } = figures
  if (!used) return 'not used yet'
  if (attempts === 0) return `not used in the last ${inWords(rules.windowMs)}`
  if (isJudged(figures, rules)) return successWords(figures, rules)
  const judged = succeeded + failed
  const many = judged === 1 ? '1 attempt' : `${judged} attempts`
  return `${many} in ${inWords(rules.windowMs)}, too few to judge by`
}

/** Of the attempts that ended by the connection's doing, the part that ended well; `undefined` where there were none. */
export function successRate({ succeeded, failed }: Pick<HealthFigures, 'succeeded' | 'failed'>): number | undefined {
  return succeeded + failed === 0 ? undefined : succeeded / (succeeded + failed)
}

function isJudged({ succeeded, failed }: HealthFigures, { attemptsMin }: HealthRules): boolean {
  return succeeded + failed >= Math.max(1, attemptsMin)
}

function successPercent({ succeeded, failed }: HealthFigures): number {
  // Multiplied first, so that whole percents come out whole.
  return (succeeded * 100) / (succeeded + failed)
}

/** Rounded down: 97.96 % that is "98 %" could not be below 98 %. */
function successWords({ succeeded, failed }: HealthFigures, { windowMs }: HealthRules): string {
  return `success ${Math.floor((succeeded * 1_000) / (succeeded + failed)) / 10} % in ${inWords(windowMs)}`
}

function inWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return seconds % 60 === 0 || seconds > 120 ? `${Math.ceil(seconds / 60)} min` : `${seconds} s`
}
