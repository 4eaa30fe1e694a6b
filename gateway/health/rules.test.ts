import { describe, expect, test } from 'vitest'
import type { HealthRules, HealthWord } from '../domain/settings.ts'
import { rules } from './rules.fixture.ts'
import { type HealthFigures, healthOf } from './rules.ts'

const well: HealthFigures = {
  attempts: 1_000,
  succeeded: 1_000,
  failed: 0,
  errorsInARow: 0,
  used: true,
  credentialRefused: false,
  rest: undefined,
}
const unused = { attempts: 0, succeeded: 0, failed: 0 }
const rest = { reason: 'connection', ejected: true, leftMs: 11_500 } as const

const succeeding = (succeeded: number, of: number) => ({ attempts: of, succeeded, failed: of - succeeded })

type Row = readonly [what: string, figures: Partial<HealthFigures>, health: HealthWord, why: string]

// S0-18: status, success rate, error count, last used.
const table: readonly Row[] = [
  ['nothing but successes', {}, 'healthy', 'success 100 % in 5 min'],
  ['never used', { ...unused, used: false }, 'healthy', 'not used yet'],
  ['used longer ago', unused, 'healthy', 'not used in the last 5 min'],
  ['one attempt', succeeding(1, 1), 'healthy', '1 attempt in 5 min, too few to judge by'],
  ['four attempts, all failed', succeeding(0, 4), 'healthy', '4 attempts in 5 min, too few to judge by'],
  ['five attempts, all failed', succeeding(0, 5), 'critical', 'success 0 % in 5 min, below 70 %'],
  ['only calls that were wrong', { ...unused, attempts: 9 }, 'healthy', '0 attempts in 5 min, too few to judge by'],
  ['exactly the threshold', succeeding(980, 1_000), 'healthy', 'success 98 % in 5 min'],
  ['exactly a threshold that floats miss', succeeding(58, 200), 'critical', 'success 29 % in 5 min, below 70 %'],
  ['just below it', succeeding(9_799, 10_000), 'degraded', 'success 97.9 % in 5 min, below 98 %'],
  ['below the degraded one', succeeding(971, 1_000), 'degraded', 'success 97.1 % in 5 min, below 98 %'],
  ['below the one of a warning', succeeding(899, 1_000), 'warning', 'success 89.9 % in 5 min, below 90 %'],
  ['below the critical one', succeeding(69, 100), 'critical', 'success 69 % in 5 min, below 70 %'],
  ['an error', { errorsInARow: 1 }, 'degraded', '1 error, no success since'],
  ['three errors in a row', { errorsInARow: 3 }, 'warning', '3 errors in a row'],
  ['ten errors in a row', { errorsInARow: 10 }, 'critical', '10 errors in a row'],
  ['errors long ago', { ...unused, errorsInARow: 4 }, 'warning', '4 errors in a row'],
  ['refused credential', { credentialRefused: true }, 'critical', 'its provider refused its credential'],
  [
    'refused, and resting',
    { credentialRefused: true, rest: { ...rest, reason: 'credential', ejected: false } },
    'critical',
    'its provider refused its credential',
  ],
  ['resting by our breaker', { rest }, 'warning', 'rests after failures: 12 s left'],
  [
    'at its limit',
    { rest: { ...rest, reason: 'limit', ejected: false } },
    'degraded',
    "its provider's limit is reached: 12 s left",
  ],
  [
    'asked for rest',
    { rest: { ...rest, ejected: false, leftMs: 300_000 } },
    'degraded',
    'its provider asked for rest: 5 min left',
  ],
  [
    'the worst of several',
    { ...succeeding(97, 100), errorsInARow: 3, rest: { ...rest, reason: 'limit', ejected: false } },
    'warning',
    '3 errors in a row',
  ],
  [
    'several of the worst',
    { ...succeeding(80, 100), errorsInARow: 3, rest },
    'warning',
    'success 80 % in 5 min, below 90 %; 3 errors in a row; rests after failures: 12 s left',
  ],
]

describe('S0-18 health follows from success, errors in a row, rests and use', () => {
  test.each(table)('%s', (_, figures, health, why) => {
    expect(healthOf({ ...well, ...figures }, rules)).toEqual({ health, why })
  })
})

describe('S0-13 the thresholds of the four words', () => {
  test('are those of the configuration', () => {
    const strict: HealthRules = {
      windowMs: 90_000,
      attemptsMin: 1,
      successPercent: { degraded: 99.95, warning: 99.9, critical: 99.5 },
      errorsInARow: { degraded: 5, warning: 6, critical: 7 },
    }
    expect(healthOf({ ...well, ...succeeding(9_993, 10_000) }, strict)).toEqual({
      health: 'degraded',
      why: 'success 99.9 % in 90 s, below 99.95 %',
    })
    expect(healthOf({ ...well, errorsInARow: 4 }, strict).health).toBe('healthy')
    expect(healthOf({ ...well, errorsInARow: 6 }, strict).health).toBe('warning')
  })

  test('may all be the same, and then the worst word holds', () => {
    const same = { degraded: 2, warning: 2, critical: 2 }
    expect(healthOf({ ...well, errorsInARow: 2 }, { ...rules, errorsInARow: same }).health).toBe('critical')
  })
})
