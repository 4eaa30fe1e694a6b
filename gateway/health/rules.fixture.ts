import type { HealthRules } from '../domain/settings.ts'
import type { Verdict } from '../domain/verdict.ts'

export const start = 1_790_000_001_234

export const ill: Verdict = { fault: 'connection', failover: true }
export const limited: Verdict = { fault: 'limit', failover: true }
export const refused: Verdict = { fault: 'credential', failover: true }

/** Those of an installation that declares none. */
export const rules: HealthRules = {
  windowMs: 300_000,
  attemptsMin: 5,
  successPercent: { degraded: 98, warning: 90, critical: 70 },
  errorsInARow: { degraded: 1, warning: 3, critical: 10 },
}
