import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HealthRules } from '../domain/settings.ts'
import type { Verdict } from '../domain/verdict.ts'
import { MemoryHealth } from './memory-health.ts'

const start = 1_790_000_001_234
const minute = 60_000
const ill: Verdict = { fault: 'connection', failover: true }
const limited: Verdict = { fault: 'limit', failover: true }
const refused: Verdict = { fault: 'credential', failover: true }

const rules: HealthRules = {
  windowMs: 5 * minute,
  attemptsMin: 5,
  successPercent: { degraded: 98, warning: 90, critical: 70 },
  errorsInARow: { degraded: 1, warning: 3, critical: 10 },
}
const memoryHealth = () => new MemoryHealth(() => rules)

/** How long the connection still rests; 0 where it may be asked. */
function restMs(health: MemoryHealth, at: number): number {
  const standing = health.standing('main', 'm', at)
  return standing.state === 'open' ? standing.retryAfterMs : 0
}

/** Fails, waits for the end of the rest, and fails again: how long each rest was. */
function rests(health: MemoryHealth, verdict: Verdict, times: number): number[] {
  let at = start
  return Array.from({ length: times }, () => {
    health.failed('main', verdict, at)
    const rest = restMs(health, at)
    at += rest
    expect(restMs(health, at)).toBe(0)
    return rest
  })
}

test('a connection of which nothing is known may be asked', () => {
  expect(memoryHealth().standing('main', 'm', start)).toMatchObject({ state: 'closed' })
})

test('a request that was wrong says nothing about the connection, however often', () => {
  const health = memoryHealth()
  for (let i = 0; i < 10; i++) health.failed('main', { fault: 'caller', failover: false, cooldownMs: 5_000 }, start + i)
  expect(restMs(health, start + 10)).toBe(0)
})

test('connections are ill by themselves', () => {
  const health = memoryHealth()
  health.failed('main', refused, start)
  expect(health.standing('other', 'm', start)).toMatchObject({ state: 'closed' })
})

describe('a limit of the provider', () => {
  test('rests for as long as the provider asked', () => {
    const health = memoryHealth()
    health.failed('main', { ...limited, cooldownMs: 7_000 }, start)
    expect(health.standing('main', 'm', start + 1_000)).toMatchObject({
      state: 'open',
      reason: 'limit',
      retryAfterMs: 6_000,
    })
    expect(restMs(health, start + 7_000)).toBe(0)
  })

  test('that names no time rests from a second on, doubling to a minute', () => {
    expect(rests(memoryHealth(), limited, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1_000))
  })

  test('met by many calls at once is one limit, not many', () => {
    const health = memoryHealth()
    for (let i = 0; i < 100; i++) health.failed('main', limited, start + i)
    expect(restMs(health, start + 99)).toBeLessThanOrEqual(1_000)
  })
})

describe('a refused credential', () => {
  test('rests for five minutes', () => {
    const health = memoryHealth()
    health.failed('main', refused, start)
    expect(health.standing('main', 'm', start)).toMatchObject({
      state: 'open',
      reason: 'credential',
      retryAfterMs: 5 * minute,
    })
    expect(restMs(health, start + 5 * minute)).toBe(0)
  })
})

describe('a connection that fails', () => {
  test('rests after three failures in a row, from a second on, doubling to half a minute', () => {
    expect(rests(memoryHealth(), ill, 9)).toEqual([0, 0, 1, 2, 4, 8, 16, 30, 30].map((seconds) => seconds * 1_000))
  })

  test('starts from nothing after a success', () => {
    const health = memoryHealth()
    for (let i = 0; i < 20; i++) {
      health.failed('main', ill, start + minute * i)
      health.failed('main', ill, start + minute * i)
      health.succeeded('main', 5_000, start + minute * i + 10)
    }
    expect(restMs(health, start + 20 * minute)).toBe(0)
    rests(health, ill, 6)
    health.succeeded('main', 100, start + 10 * minute)
    expect(rests(health, ill, 3)).toEqual([0, 0, 1_000])
  })

  test('rests at once when it asked for that itself', () => {
    const health = memoryHealth()
    health.failed('main', { ...ill, cooldownMs: 20_000 }, start)
    expect(health.standing('main', 'm', start)).toMatchObject({
      state: 'open',
      reason: 'connection',
      retryAfterMs: 20_000,
    })
  })
})

describe('of two rests', () => {
  test('the longer holds, with its reason', () => {
    const health = memoryHealth()
    health.failed('main', { ...limited, cooldownMs: 30_000 }, start)
    health.failed('main', { ...ill, cooldownMs: 2_000 }, start + 10)
    expect(health.standing('main', 'm', start + 10)).toMatchObject({
      state: 'open',
      reason: 'limit',
      retryAfterMs: 29_990,
    })
    health.failed('main', refused, start + 20)
    expect(health.standing('main', 'm', start + 20)).toMatchObject({ reason: 'credential', retryAfterMs: 5 * minute })
  })

  test('none is ever shortened by another failure', () => {
    const verdict = fc.record(
      {
        fault: fc.constantFrom('caller', 'connection', 'credential', 'limit'),
        failover: fc.boolean(),
        cooldownMs: fc.nat(100_000),
      },
      { requiredKeys: ['fault', 'failover'] },
    ) as fc.Arbitrary<Verdict>
    fc.assert(
      fc.property(fc.array(fc.tuple(verdict, fc.nat(20_000))), (failures) => {
        const health = memoryHealth()
        let at = start
        for (const [failure, waitMs] of failures) {
          at += waitMs
          const before = restMs(health, at)
          health.failed('main', failure, at)
          const after = restMs(health, at)
          expect(after).toBeGreaterThanOrEqual(before)
          expect(after).toBeLessThanOrEqual(Math.max(before, 5 * minute, failure.cooldownMs ?? 0))
          if (failure.fault !== 'caller') expect(after).toBeGreaterThanOrEqual(failure.cooldownMs ?? 0)
        }
      }),
    )
  })
})

describe('a success', () => {
  test('ends the rest of a connection that answers again', () => {
    const health = memoryHealth()
    health.failed('main', { ...limited, cooldownMs: 30_000 }, start)
    health.succeeded('main', 200, start + 500)
    expect(health.standing('main', 'm', start + 500)).toMatchObject({ state: 'closed' })
  })

  test('that was under way when the connection failed leaves the rest as it is', () => {
    const health = memoryHealth()
    health.failed('main', { ...limited, cooldownMs: 30_000 }, start)
    health.succeeded('main', 600, start + 500)
    expect(restMs(health, start + 500)).toBe(29_500)
  })
})
