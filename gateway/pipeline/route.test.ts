import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Verdict } from '../domain/verdict.ts'
import { ill, limited, refused, start } from '../health/rules.fixture.ts'
import { connection, routing } from './route.fixture.ts'

const limitedFor = (cooldownMs: number): Verdict => ({ ...limited, cooldownMs })

const two = [connection('a'), connection('b')]
const three = [...two, connection('c')]
const ranked = [connection('a', { priority: 1 }), connection('b', { priority: 2 }), connection('c', { priority: 3 })]

const faultOf = (make: () => unknown) => {
  try {
    make()
  } catch (thrown) {
    return thrown
  }
  return undefined
}

test('a model that nobody serves does not exist', () => {
  const { plan } = routing(two)
  expect(faultOf(() => plan({ model: 'unheard-of' }))).toMatchObject({ code: 'model_not_found' })
})

describe('S0-41 the next connection is chosen by priority and health', () => {
  test('the lowest number first, always', () => {
    const { turns } = routing(ranked)
    for (let i = 0; i < 20; i++) expect(turns()).toEqual(['a', 'b', 'c'])
  })

  test('past those that rest', () => {
    const { turns, health, eject } = routing(ranked)
    eject('a')
    for (let i = 0; i < 20; i++) expect(turns()).toEqual(['b', 'c'])
    health.failed('b', limitedFor(10_000), start)
    for (let i = 0; i < 20; i++) expect(turns()).toEqual(['c'])
  })

  test('and back, by a probe, when the rest is over', () => {
    const { turns, health, eject } = routing(ranked)
    eject('a')
    expect(turns({}, start + 1_000)).toEqual(['a?', 'b', 'c'])
    health.probe('a', start + 1_000, false)
    expect(turns({}, start + 1_500)).toEqual(['a?', 'b', 'c'])
    health.answered('a', 'm', 200, start + 1_800)
    expect(turns({}, start + 1_800)).toEqual(['a', 'b', 'c'])
  })

  test('a worse score does not lose a rank', () => {
    const { turns, health } = routing(ranked)
    for (let i = 0; i < 2; i++) health.failed('a', ill, start)
    expect(turns()).toEqual(['a', 'b', 'c'])
  })
})

describe('within one rank', () => {
  test('weights share the traffic', () => {
    const { shares } = routing([connection('a', { weight: 3 }), connection('b')])
    const share = shares(4_000)
    expect(share('a')).toBeGreaterThan(0.72)
    expect(share('a')).toBeLessThan(0.78)
  })

  test('S0-40 a degraded connection gets less, and all the less the worse it is', () => {
    const { health, shares } = routing(two)
    const shareAfter = (failures: number) => {
      for (let i = 0; i < failures; i++) {
        // Neither three in a row nor more than half of them: degraded, not ejected.
        health.succeeded('a', 1, start)
        health.failed('a', ill, start)
      }
      return shares(4_000)('a')
    }
    const before = shareAfter(0)
    const some = shareAfter(2)
    const more = shareAfter(20)
    expect(before).toBeGreaterThan(0.47)
    expect(some).toBeLessThan(before - 0.05)
    expect(more).toBeLessThan(some - 0.05)
    expect(more).toBeGreaterThan(0.1)
    expect(shares(4_000, () => ({}), start + 10 * 60_000)('a')).toBeGreaterThan(0.47)
  })

  test('a slower connection gets less, but never less than half of its weight', () => {
    const { health, shares } = routing(two)
    health.answered('a', 'm', 200, start)
    expect(shares(4_000)('a')).toBeGreaterThan(0.47)
    health.answered('b', 'm', 100, start)
    // √½ against 1.
    expect(shares(4_000)('a')).toBeCloseTo(0.41, 1)
    for (let i = 0; i < 50; i++) health.answered('a', 'm', 60_000, start)
    expect(shares(4_000)('a')).toBeCloseTo(1 / 3, 1)
  })

  test('whose probe is due comes first, though its score is worse', () => {
    const { turns, eject } = routing(two)
    eject('a')
    for (let i = 0; i < 20; i++) expect(turns({ session: `${i}` }, start + 1_000)).toEqual(['a?', 'b'])
  })
})

describe('our breaker', () => {
  test('never ejects the only connection', () => {
    const { turns, eject } = routing([connection('a')])
    for (let i = 0; i < 5; i++) eject('a')
    expect(turns()).toEqual(['a'])
  })

  test('ejects one of two, and two of four', () => {
    const pair = routing(two)
    pair.eject('a')
    expect(pair.turns()).toEqual(['b'])
    pair.health.failed('b', ill, start)
    pair.eject('b')
    expect(pair.turns()).toEqual(['a'])

    const four = routing([...three, connection('d')])
    for (const id of ['a', 'b', 'c']) four.eject(id)
    four.health.failed('a', ill, start)
    four.health.failed('c', ill, start)
    expect(four.turns().toSorted()).toEqual(['b', 'd'])
  })

  test('takes the better rank back among equally ill ones', () => {
    const { turns, eject } = routing(ranked)
    for (const id of ['c', 'b', 'a']) eject(id)
    expect(turns()).toEqual(['a', 'b'])
  })

  test('counts a half-open one among the ejected, and lets it be probed', () => {
    const { turns, health, eject } = routing(two)
    eject('a')
    health.failed('b', ill, start)
    eject('b', start + 900)
    expect(turns({}, start + 1_000)).toEqual(['a'])
    health.failed('a', ill, start + 1_000)
    health.failed('a', ill, start + 1_000)
    expect(turns({}, start + 2_000)).toEqual(['b'])
    expect(turns({}, start + 3_000)).toEqual(['a?', 'b'])
  })

  test('counts a connection once that serves two members of a model', () => {
    const connections = two.map(({ id }) => connection(id, { models: [{ pattern: '*' }] }))
    const { turns, eject } = routing(connections, {}, new Map([['m', ['x', 'y']]]))
    eject('a')
    eject('b')
    expect(turns()).toEqual(['a', 'a'])
  })

  test('lets the best be asked early where the others rest for other reasons', () => {
    const { turns, health, eject } = routing([...three, connection('d')])
    health.failed('a', limitedFor(60_000), start)
    health.failed('b', refused, start)
    eject('c')
    health.failed('d', ill, start)
    eject('d')
    expect(turns()).toEqual(['c!'])
  })

  test('does not touch what a provider asked for', () => {
    const { plan, health, eject } = routing([connection('a')])
    eject('a')
    health.failed('a', { ...ill, cooldownMs: 5_000 }, start)
    expect(faultOf(plan)).toMatchObject({ code: 'no_healthy_connection', detail: { retryAfterMs: 5_000 } })
  })

  test('never leaves a model with nobody to ask, nor leaves more than half ejected', () => {
    const outcome = fc.record({
      id: fc.integer({ min: 0, max: 6 }),
      waitMs: fc.nat(3_000),
      well: fc.integer({ min: 0, max: 3 }).map((draw) => draw === 0),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.array(outcome, { maxLength: 80 }), (size, outcomes) => {
        const connections = Array.from({ length: size }, (_, i) => connection(`c${i}`, { priority: i % 3 }))
        const { health, turns } = routing(connections)
        let at = start
        for (const { id, waitMs, well } of outcomes) {
          at += waitMs
          if (well) health.succeeded(`c${id}`, 1, at)
          else health.failed(`c${id}`, ill, at)
          const asked = turns({}, at)
          const taking = asked.filter((turn) => !turn.endsWith('?'))
          expect(taking.length).toBeGreaterThanOrEqual(Math.ceil(size / 2))
          expect(asked.some((turn) => turn.endsWith('!'))).toBe(false)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('where everybody rests', () => {
  test('at their limits, the caller is told when the first is free', () => {
    const { plan, health } = routing(two)
    health.failed('a', limitedFor(9_000), start)
    health.failed('b', limitedFor(4_000), start)
    expect(faultOf(plan)).toMatchObject({ code: 'upstream_rate_limited', detail: { retryAfterMs: 4_000 } })
  })

  test('for different reasons, it is no limit', () => {
    const { plan, health } = routing(two)
    health.failed('a', limitedFor(9_000), start)
    health.failed('b', refused, start)
    expect(faultOf(plan)).toMatchObject({ code: 'no_healthy_connection', detail: { retryAfterMs: 9_000 } })
  })

  test('because no credential was taken, waiting is no advice', () => {
    const { plan, health } = routing(two)
    for (const { id } of two) health.failed(id, refused, start)
    expect(faultOf(plan)).toMatchObject({ code: 'upstream_credentials_exhausted', status: 502, detail: {} })
  })
})

describe('a test of one connection', () => {
  test('goes there whatever its standing or status, under its name for the model', () => {
    const off = connection('off', { status: 'inactive', models: [{ pattern: 'm', upstream: 'm-2026' }] })
    const { plan, health, eject } = routing([...two, off])
    eject('off')
    health.failed('off', refused, start)
    const { turns } = plan({ only: 'off' })
    expect(turns).toMatchObject([{ candidate: { connection: { id: 'off' }, model: 'm-2026' }, probe: 'none' }])
    expect(turns).toHaveLength(1)
  })

  test('asks for a virtual model by the first member it serves', () => {
    const { plan } = routing(two, {}, new Map([['best', ['unserved', 'm']]]))
    expect(plan({ only: 'b', model: 'best' }).turns).toMatchObject([{ candidate: { model: 'm' } }])
  })

  test('that does not serve the model, or does not exist, goes nowhere else', () => {
    const { plan } = routing(two)
    expect(faultOf(() => plan({ only: 'a', model: 'other' }))).toMatchObject({ code: 'model_not_found' })
    expect(faultOf(() => plan({ only: 'z' }))).toMatchObject({ code: 'model_not_found' })
  })
})
