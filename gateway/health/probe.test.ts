import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryHealth } from './memory-health.ts'
import { ill, limited, rules, start } from './rules.fixture.ts'

/** Ejected at `start` for a second. */
function ejected(): MemoryHealth {
  const health = new MemoryHealth(() => rules)
  for (let i = 0; i < 3; i++) health.failed('main', ill, start)
  return health
}

const stateOf = (health: MemoryHealth, at: number) => health.standing('main', 'm', at).state

describe('after a rest', () => {
  test('a connection is half-open, and one probe may go', () => {
    const health = ejected()
    expect(health.probe('main', start + 999, false)).toBe(false)
    expect(health.standing('main', 'm', start + 1_000)).toMatchObject({
      state: 'half-open',
      ejected: true,
      retryAfterMs: 0,
    })
    expect(health.probe('main', start + 1_000, false)).toBe(true)
    expect(health.probe('main', start + 1_001, false)).toBe(false)
    expect(health.standing('main', 'm', start + 1_100)).toMatchObject({ state: 'half-open', retryAfterMs: 4_900 })
  })

  test('the first content closes it', () => {
    const health = ejected()
    health.probe('main', start + 1_000, false)
    health.answered('main', 'm', 300, start + 1_300)
    expect(stateOf(health, start + 1_300)).toBe('closed')
    expect(health.probe('main', start + 1_301, false)).toBe(true)
    expect(health.probe('main', start + 1_301, false)).toBe(true)
  })

  test('a probe that fails brings a rest twice as long', () => {
    const health = ejected()
    health.probe('main', start + 1_000, false)
    health.failed('main', ill, start + 1_500)
    expect(health.standing('main', 'm', start + 1_500)).toMatchObject({
      state: 'open',
      ejected: true,
      retryAfterMs: 2_000,
    })
  })

  test('of a limit too, though it would have been the first failure', () => {
    const health = new MemoryHealth(() => rules)
    health.failed('main', { ...limited, cooldownMs: 5_000 }, start)
    expect(health.standing('main', 'm', start + 5_000)).toMatchObject({
      state: 'half-open',
      reason: 'limit',
      ejected: false,
    })
    health.probe('main', start + 5_000, false)
    health.failed('main', ill, start + 5_100)
    expect(health.standing('main', 'm', start + 5_100)).toMatchObject({
      state: 'open',
      ejected: true,
      reason: 'connection',
    })
  })

  test('a probe that was abandoned is free again, whatever else was asked of its connection', () => {
    const health = ejected()
    health.probe('main', start + 1_000, false)
    // A request that was wrong may be anybody's.
    health.failed('main', { fault: 'caller', failover: false }, start + 1_200)
    expect(health.probe('main', start + 1_300, false)).toBe(false)
    health.abandoned('main')
    expect(stateOf(health, start + 1_300)).toBe('half-open')
    expect(health.probe('main', start + 1_300, false)).toBe(true)
  })

  test('a probe without news for five seconds is given to the next', () => {
    const health = ejected()
    health.probe('main', start + 1_000, false)
    expect(health.probe('main', start + 5_999, false)).toBe(false)
    expect(health.probe('main', start + 6_000, false)).toBe(true)
    expect(health.probe('main', start + 6_001, false)).toBe(false)
  })

  test('a connection that begins every answer and ends none rests longer each time', () => {
    const health = ejected()
    let at = start + 1_000
    const rests = Array.from({ length: 5 }, () => {
      health.probe('main', at, false)
      health.answered('main', 'm', 100, at + 100)
      expect(stateOf(health, at + 100)).toBe('closed')
      health.failed('main', ill, at + 200)
      const standing = health.standing('main', 'm', at + 200)
      const restMs = standing.state === 'open' ? standing.retryAfterMs : 0
      at += 200 + restMs
      return restMs
    })
    expect(rests).toEqual([2_000, 4_000, 8_000, 16_000, 30_000])
  })
})

test('of 600 calls that come at once, one is the probe', () => {
  const health = ejected()
  const granted = Array.from({ length: 600 }, () => health.probe('main', start + 1_000, false)).filter(Boolean)
  expect(granted).toHaveLength(1)
})

describe('an early probe', () => {
  test('goes once a second, one at a time', () => {
    const health = ejected()
    for (let i = 0; i < 3; i++) {
      health.probe('main', start + 10_000 * i, false)
      health.failed('main', ill, start + 10_000 * i)
    }
    const failedAt = start + 20_000
    expect(health.probe('main', failedAt + 1_000, false)).toBe(false)
    expect(health.probe('main', failedAt + 999, true)).toBe(false)
    expect(health.probe('main', failedAt + 1_000, true)).toBe(true)
    expect(health.probe('main', failedAt + 2_500, true)).toBe(false)
    health.abandoned('main')
    expect(health.probe('main', failedAt + 1_999, true)).toBe(false)
    expect(health.probe('main', failedAt + 2_000, true)).toBe(true)
    health.answered('main', 'm', 10, failedAt + 2_100)
    expect(stateOf(health, failedAt + 2_100)).toBe('closed')
  })

  test('never cuts short what the provider asked for', () => {
    const health = ejected()
    health.failed('main', { ...ill, cooldownMs: 20_000 }, start + 10)
    expect(health.standing('main', 'm', start + 5_000)).toMatchObject({ state: 'open', ejected: false })
    expect(health.probe('main', start + 5_000, true)).toBe(false)
    expect(health.probe('main', start + 20_010, true)).toBe(true)
  })
})

test('under any interleaving of 600 claims there is one probe at a time', () => {
  const end = fc.constantFrom('answered', 'failed', 'abandoned', 'silent')
  const claims = fc.array(fc.record({ waitMs: fc.nat(200), early: fc.boolean(), tookMs: fc.nat(3_000), end }), {
    minLength: 600,
    maxLength: 600,
  })
  let granted = 0
  fc.assert(
    fc.property(claims, (all) => {
      const health = ejected()
      let at = start
      let probe: { readonly givenAt: number; readonly endsAt: number; readonly end: string } | undefined
      for (const claim of all) {
        at += claim.waitMs
        if (probe && probe.endsAt <= at) {
          const { endsAt, givenAt } = probe
          if (probe.end === 'answered') health.answered('main', 'm', endsAt - givenAt, endsAt)
          else if (probe.end === 'failed') health.failed('main', ill, endsAt)
          else if (probe.end === 'abandoned') health.abandoned('main')
          probe = undefined
        }
        if (stateOf(health, at) === 'closed') for (let i = 0; i < 3; i++) health.failed('main', ill, at)
        if (!health.probe('main', at, claim.early)) continue
        granted++
        expect(probe).toBeUndefined()
        const { end } = claim
        probe = { givenAt: at, endsAt: at + (end === 'silent' ? 5_000 : claim.tookMs), end }
      }
    }),
    { numRuns: 50 },
  )
  expect(granted).toBeGreaterThan(500)
})
