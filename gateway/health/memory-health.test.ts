import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Verdict } from '../domain/verdict.ts'
import { MemoryHealth } from './memory-health.ts'
import { ill, limited, refused, rules, start } from './rules.fixture.ts'

const minute = 60_000
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

  test('ours is the longer, and ejects only when what the provider asked for is over', () => {
    const health = memoryHealth()
    for (let i = 0; i < 6; i++) health.failed('main', ill, start + 60_000 * i)
    const at = start + 6 * 60_000
    health.failed('main', { ...ill, cooldownMs: 5_000 }, at)
    expect(health.standing('main', 'm', at)).toMatchObject({ ejected: false, retryAfterMs: 16_000 })
    expect(health.standing('main', 'm', at + 5_000)).toMatchObject({ ejected: true, retryAfterMs: 11_000 })
    expect(health.standing('main', 'm', at + 16_000)).toMatchObject({ state: 'half-open', ejected: true })
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
    const trouble = fc.oneof(verdict, fc.record({ exhaustedMs: fc.nat(100_000) }))
    fc.assert(
      fc.property(fc.array(fc.tuple(trouble, fc.nat(20_000))), (troubles) => {
        const health = memoryHealth()
        let at = start
        let askedUntil = 0
        for (const [what, waitMs] of troubles) {
          at += waitMs
          const before = restMs(health, at)
          if ('exhaustedMs' in what) health.exhausted('main', what.exhaustedMs, at)
          else health.failed('main', what, at)
          const asked = 'exhaustedMs' in what ? what.exhaustedMs : what.fault === 'caller' ? 0 : (what.cooldownMs ?? 0)
          askedUntil = Math.max(askedUntil, at + asked)
          const after = restMs(health, at)
          expect(after).toBeGreaterThanOrEqual(Math.max(before, asked))
          expect(after).toBeLessThanOrEqual(Math.max(before, 5 * minute, asked))
          // What the provider asked for is not for our breaker to give up.
          if (askedUntil > at) expect(health.standing('main', 'm', at)).toMatchObject({ state: 'open', ejected: false })
          expect(health.probe('main', at, true)).toBe(after === 0 && askedUntil <= at)
          health.abandoned('main')
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

  test('that may have begun before the failure, in the same millisecond, does so too', () => {
    const health = memoryHealth()
    health.exhausted('main', 30_000, start)
    health.succeeded('main', 0.4, start + 1)
    expect(restMs(health, start + 1)).toBe(29_999)
    health.succeeded('main', 0.4, start + 2)
    expect(restMs(health, start + 2)).toBe(0)
  })
})

describe('more than half of ten attempts failing in half a minute', () => {
  /** By turns: fails, fails, answers. */
  function faring(attempts: number, everyMs: number): MemoryHealth {
    const health = memoryHealth()
    for (let i = 0; i < attempts; i++) {
      const at = start + i * everyMs
      if (i % 3 === 2) health.succeeded('main', 1, at)
      else health.failed('main', ill, at)
    }
    return health
  }

  test('ejects, though never three fail in a row', () => {
    expect(restMs(faring(9, 100), start + 900)).toBe(0)
    expect(restMs(faring(10, 100), start + 900)).toBe(1_000)
    expect(faring(10, 100).standing('main', 'm', start + 900)).toMatchObject({ state: 'open', ejected: true })
  })

  test('over a longer time are accidents', () => {
    expect(restMs(faring(40, 4_000), start + 40 * 4_000)).toBe(0)
  })

  test('are forgotten when it answers again', () => {
    const health = faring(10, 100)
    health.succeeded('main', 50, start + 2_000)
    health.failed('main', ill, start + 2_100)
    health.failed('main', ill, start + 2_200)
    expect(restMs(health, start + 2_200)).toBe(0)
  })
})

describe('an answer that says no more is taken', () => {
  test('makes the connection rest for that long, as its provider asked', () => {
    const health = memoryHealth()
    health.exhausted('main', 4_000, start)
    expect(health.standing('main', 'm', start)).toMatchObject({ state: 'open', reason: 'limit', ejected: false })
    expect(restMs(health, start)).toBe(4_000)
  })

  test('does not end that rest by its own success', () => {
    const health = memoryHealth()
    health.exhausted('main', 4_000, start)
    health.answered('main', 'm', 300.7, start)
    health.succeeded('main', 900.2, start + 600)
    expect(restMs(health, start + 600)).toBe(3_400)
  })

  test('and names no time, says nothing', () => {
    const health = memoryHealth()
    health.exhausted('main', 0, start)
    expect(health.standing('main', 'm', start).state).toBe('closed')
  })
})

describe('the score', () => {
  const scoreAt = (health: MemoryHealth, at: number) => health.standing('main', 'm', at).score

  test('falls with failures of the connection, and with nothing else', () => {
    const health = memoryHealth()
    for (const verdict of [limited, refused, { fault: 'caller', failover: false } as const]) {
      for (let i = 0; i < 5; i++) health.failed('main', verdict, start)
    }
    expect(scoreAt(health, start)).toBe(1)
    health.failed('main', ill, start)
    expect(scoreAt(health, start)).toBeCloseTo(0.9)
  })

  test('rises with successes and with time, half of the way in half a minute', () => {
    const health = memoryHealth()
    for (let i = 0; i < 10; i++) health.failed('main', ill, start)
    const after = scoreAt(health, start)
    expect(after).toBeLessThan(0.4)
    expect(1 - scoreAt(health, start + 30_000)).toBeCloseTo((1 - after) / 2)
    for (let i = 0; i < 20; i++) health.succeeded('main', 1, start + 10)
    expect(scoreAt(health, start + 10)).toBeGreaterThan(0.9)
  })

  test('never comes to nothing', () => {
    const health = memoryHealth()
    for (let i = 0; i < 10_000; i++) health.failed('main', ill, start)
    expect(scoreAt(health, start)).toBe(0.05)
  })
})

describe('the latency', () => {
  const latencyOf = (health: MemoryHealth, model: string) => {
    const standing = health.standing('main', model, start)
    return standing.state === 'closed' ? standing.latencyMs : undefined
  }

  test('is of one model of one connection, and unknown before its first answer', () => {
    const health = memoryHealth()
    health.answered('main', 'm', 400, start)
    expect([latencyOf(health, 'm'), latencyOf(health, 'n')]).toEqual([400, undefined])
  })

  test('moves with later answers', () => {
    const health = memoryHealth()
    health.answered('main', 'm', 400, start)
    health.answered('main', 'm', 900, start)
    expect(latencyOf(health, 'm')).toBe(500)
    for (let i = 0; i < 30; i++) health.answered('main', 'm', 900, start)
    expect(latencyOf(health, 'm')).toBeGreaterThan(890)
  })

  test('is kept of so many models and no more, for clients may name them', () => {
    const health = memoryHealth()
    for (let i = 0; i < 101; i++) health.answered('main', `m-${i}`, 100, start)
    expect([latencyOf(health, 'm-0'), latencyOf(health, 'm-1'), latencyOf(health, 'm-100')]).toEqual([
      undefined,
      100,
      100,
    ])
  })
})

describe('the report', () => {
  test('of a connection nobody asked says so', () => {
    expect(memoryHealth().report('main', start)).toEqual({
      health: 'healthy',
      why: 'not used yet',
      attempts: 0,
      successRate: undefined,
      errorsInARow: 0,
      credentialRefused: false,
      lastUsedAt: undefined,
      lastErrorAt: undefined,
      rest: undefined,
    })
  })

  test("counts attempts of the window, and of success only what is the connection's doing", () => {
    const health = memoryHealth()
    for (let i = 0; i < 8; i++) health.succeeded('main', 1, start)
    health.failed('main', ill, start + 1)
    health.failed('main', ill, start + 2)
    health.failed('main', { fault: 'caller', failover: false }, start + 3)
    health.failed('main', { ...limited, cooldownMs: 90_000 }, start + 4)
    expect(health.report('main', start + 10_004)).toEqual({
      health: 'warning',
      why: 'success 80 % in 5 min, below 90 %',
      attempts: 12,
      successRate: 0.8,
      errorsInARow: 2,
      credentialRefused: false,
      lastUsedAt: start + 4,
      lastErrorAt: start + 4,
      rest: { reason: 'limit', untilMs: start + 90_004 },
    })
    expect(health.report('main', start + 10 * minute)).toMatchObject({
      attempts: 0,
      successRate: undefined,
      rest: undefined,
    })
  })

  test('says of a refused credential that it is, until something is answered', () => {
    const health = memoryHealth()
    health.failed('main', refused, start)
    expect(health.report('main', start + 60 * minute)).toMatchObject({
      health: 'critical',
      why: 'its provider refused its credential',
      credentialRefused: true,
      rest: undefined,
    })
    health.succeeded('main', 100, start + 61 * minute)
    expect(health.report('main', start + 61 * minute)).toMatchObject({ health: 'healthy', credentialRefused: false })
  })

  test('goes by the rules of the moment', () => {
    let current = rules
    const health = new MemoryHealth(() => current)
    health.failed('main', ill, start)
    expect(health.report('main', start).health).toBe('degraded')
    current = { ...rules, errorsInARow: { degraded: 2, warning: 3, critical: 4 } }
    expect(health.report('main', start).health).toBe('healthy')
  })
})

test('a connection that is another one now begins anew', () => {
  const health = memoryHealth()
  health.failed('main', refused, start)
  health.forget('main')
  expect(health.standing('main', 'm', start)).toEqual({ state: 'closed', score: 1, latencyMs: undefined })
  expect(health.report('main', start).lastUsedAt).toBeUndefined()
})
