import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Hold, type Limit, limitOf } from '../domain/limit.ts'
import { compare, histories } from './differential.ts'
import { type LimitStore, leaseMs, type Refusal, type Reservation } from './limit-store.ts'
import { counted, Oracle } from './oracle.ts'

const minute = 60_000
/** An odd moment, so that no window begins where a sub-bucket does. */
const start = 1_790_000_001_234

const requests = limitOf('key', 'dev', 'requests', 10)
const tokens = limitOf('key', 'dev', 'tokens', 1_000)
const places = limitOf('key', 'dev', 'concurrency', 2)

const one = (limit: Limit): Hold => ({ limit, amount: 1 })
const some = (amount: number, limit: Limit = tokens): Hold => ({ limit, amount })

// biome-ignore-start lint/complexity/noExcessiveLinesPerFunction: a suite is a list of sentences, however long.
/** What every store of limits does. `open` gives a store in which nothing was ever used. */
export function describeLimitStore(name: string, open: () => Promise<LimitStore>): void {
  describe(name, () => {
    let store: LimitStore
    let ids = 0
    const reserve = (holds: readonly Hold[], at = start) => store.reserve(`attempt-${++ids}`, holds, at)
    const used = async (limit: Limit, at = start) => (await store.standing([limit], at))[0]?.used
    const held = async (limit: Limit, at = start) => (await store.standing([limit], at))[0]?.held

    beforeEach(async () => {
      store = await open()
    })

    describe('reserve', () => {
      test('grants what fits, and says where each limit then stands, in the order of the holds', async () => {
        const { standings } = granted(await reserve([some(300), one(requests)]))
        expect(standings.map(({ limit, used, held }) => [limit.id, used, held])).toEqual([
          [tokens.id, 300, 300],
          [requests.id, 1, 1],
        ])
      })

      test('takes nothing from any limit when one of them refuses', async () => {
        granted(await reserve([some(900)]))
        const refusal = refused(
          await reserve([one(requests), one(places), some(101), one(limitOf('org', 'acme', 'requests', 1))]),
        )
        expect(refusal).toMatchObject({ limit: tokens, used: 900, asked: 101 })
        expect(await used(requests)).toBe(0)
        expect(await used(places)).toBe(0)
        expect(await used(tokens)).toBe(900)
        granted(await reserve([one(requests), some(100)]))
      })

      test('lets two holds of one limit see each other', async () => {
        refused(await reserve([some(600), some(600)]))
        expect(await used(tokens)).toBe(0)
        granted(await reserve([some(600), some(400)]))
      })

      test('answers a repeated id as it did, and counts it once', async () => {
        const first = await store.reserve('same', [some(700)], start)
        expect(await store.reserve('same', [some(700)], start + 10)).toEqual(first)
        expect(await used(tokens)).toBe(700)
      })

      test('keeps subjects, measures and windows apart', async () => {
        granted(await reserve([some(1_000)]))
        granted(await reserve([some(1_000, limitOf('key', 'other', 'tokens', 1_000))]))
        granted(await reserve([some(1_000, { ...tokens, id: 'key:dev:tokens:10000', windowMs: 10_000 })]))
      })

      test('grants all of ten places asked for at once, and not one more', async () => {
        const ten = { ...places, max: 10 }
        const answers = await Promise.all(Array.from({ length: 25 }, () => reserve([one(ten)])))
        expect(answers.filter((answer) => answer.granted)).toHaveLength(10)
      })
    })

    describe('a refusal', () => {
      test('says how long until enough of the oldest use has left', async () => {
        granted(await reserve([some(400)], start))
        granted(await reserve([some(400)], start + 20_000))
        const at = start + 30_000
        const small = refused(await reserve([some(300)], at))
        const large = refused(await reserve([some(700)], at))
        expect(small.retryAfterMs).toBeGreaterThanOrEqual(30_000)
        expect(small.retryAfterMs).toBeLessThanOrEqual(30_000 + minute * (counted - 1))
        expect(large.retryAfterMs).toBeGreaterThanOrEqual(50_000)
        refused(await reserve([some(700)], at + large.retryAfterMs - 1))
        granted(await reserve([some(700)], at + large.retryAfterMs))
      })

      test('says a window for what is more than the limit itself, which never fits', async () => {
        expect(refused(await reserve([some(1_001)]))).toMatchObject({ used: 0, asked: 1_001, retryAfterMs: minute })
      })

      test('asks for a short wait when all places are taken', async () => {
        granted(await reserve([one(places)]))
        granted(await reserve([one(places)]))
        const { limit, retryAfterMs } = refused(await reserve([one(places)]))
        expect(limit).toEqual(places)
        expect(retryAfterMs).toBeGreaterThan(0)
      })

      test('of everything comes from a limit of zero', async () => {
        refused(await reserve([one({ ...requests, max: 0 })]))
        expect(refused(await reserve([one({ ...places, max: 0 })])).retryAfterMs).toBeGreaterThan(0)
      })
    })

    describe('settle', () => {
      test('replaces what was held by what was used', async () => {
        const reservation = granted(await reserve([some(800), one(requests), one(places)]))
        await store.settle(reservation, [150, 1, 1], start + 5_000)
        expect([await used(tokens), await held(tokens)]).toEqual([150, 0])
        expect([await used(requests), await held(requests)]).toEqual([1, 0])
        expect(await used(places)).toBe(0)
      })

      test('records in full what was used beyond the hold', async () => {
        await store.settle(granted(await reserve([some(800)])), [1_700], start)
        expect(await used(tokens)).toBe(1_700)
        refused(await reserve([some(1)]))
      })

      test('changes nothing when repeated, nor after a release', async () => {
        const twice = granted(await reserve([some(500)]))
        await store.settle(twice, [100], start)
        await store.settle(twice, [100], start)
        await store.settle(twice, [400], start)
        await store.release(twice)
        expect(await used(tokens)).toBe(100)
        const released = granted(await reserve([some(500)]))
        await store.release(released)
        await store.settle(released, [500], start)
        expect(await used(tokens)).toBe(100)
      })

      test('charges the time at which the call began', async () => {
        const reservation = granted(await reserve([some(800)], start))
        await store.settle(reservation, [600], start + 50_000)
        expect(await used(tokens, start + 50_000)).toBe(600)
        expect(await used(tokens, start + minute * counted)).toBe(0)
      })

      test('after the window has gone by concerns nobody', async () => {
        const reservation = granted(await reserve([some(800)], start))
        const at = start + minute * 1.2
        granted(await reserve([some(100)], at))
        await store.settle(reservation, [900], at)
        expect([await used(tokens, at), await held(tokens, at)]).toEqual([100, 100])
      })

      test('keeps a hold as spent where nothing is said about it', async () => {
        await store.settle(granted(await reserve([one(requests), some(300)])), [1], start)
        expect([await used(tokens), await held(tokens)]).toEqual([300, 0])
      })
    })

    test('release gives everything back, requests included, as if the call had never been', async () => {
      const reservation = granted(await reserve([one(requests), some(1_000), one(places)]))
      await store.release(reservation)
      await store.release(reservation)
      const standings = await store.standing([requests, tokens, places], start)
      expect(standings.map(({ used, held, resetMs }) => [used, held, resetMs])).toEqual([
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
      ])
    })

    describe('extend', () => {
      const connection = limitOf('connection', 'openai-main', 'requests', 1)

      test('sets more aside under the same reservation, to be settled with it', async () => {
        const first = granted(await reserve([some(200)]))
        const both = granted(await store.extend(first, [some(300), one(connection)], start + 1_000))
        expect(both.holds.map((hold) => hold.amount)).toEqual([200, 300, 1])
        expect(both.standings.map((standing) => standing.used)).toEqual([500, 500, 1])
        await store.settle(both, [50, 60, 1], start + 2_000)
        expect(await used(tokens, start + 2_000)).toBe(110)
        expect(await used(connection, start + 2_000)).toBe(1)
      })

      test('that is refused takes nothing and leaves the reservation standing', async () => {
        granted(await reserve([one(connection)]))
        const first = granted(await reserve([some(200)]))
        expect(refused(await store.extend(first, [some(300), one(connection)], start)).limit).toEqual(connection)
        expect(await used(tokens)).toBe(200)
        await store.settle(first, [10], start)
        expect(await used(tokens)).toBe(10)
      })
    })

    describe('a lease', () => {
      test('that nobody renews ends, frees its place, and leaves what it held as spent', async () => {
        const hour = { ...tokens, id: 'key:dev:tokens:3600000', windowMs: 3_600_000 }
        const { id } = granted(await reserve([one(places), some(400, hour)]))
        expect(await store.sweep(start + leaseMs - 1)).toEqual([])
        expect(await store.sweep(start + leaseMs)).toEqual([id])
        expect(await store.sweep(start + leaseMs)).toEqual([])
        expect(await used(places, start + leaseMs)).toBe(0)
        expect([await used(hour, start + leaseMs), await held(hour, start + leaseMs)]).toEqual([400, 0])
      })

      test('lives on while it is renewed', async () => {
        const kept = granted(await reserve([one(places)], start))
        const lost = granted(await reserve([one(places)], start))
        await store.renew(kept, start + 60_000)
        expect(await store.sweep(start + leaseMs)).toEqual([lost.id])
        expect(await used(places, start + leaseMs)).toBe(1)
        expect(await store.sweep(start + 60_000 + leaseMs)).toEqual([kept.id])
      })

      test('that ended is corrected by a late settlement, once', async () => {
        const hour = { ...tokens, id: 'key:dev:tokens:3600000', windowMs: 3_600_000 }
        const reservation = granted(await reserve([one(places), some(400, hour)]))
        await store.sweep(start + leaseMs)
        await store.settle(reservation, [1, 150], start + leaseMs + 10)
        await store.settle(reservation, [1, 150], start + leaseMs + 20)
        expect(await used(hour, start + leaseMs + 20)).toBe(150)
        expect(await used(places, start + leaseMs + 20)).toBe(0)
      })

      test('that ended takes its place again when the sleeper wakes and renews it', async () => {
        const sleeper = granted(await reserve([one(places)]))
        await store.sweep(start + leaseMs)
        await store.renew(sleeper, start + leaseMs + 10)
        expect(await used(places, start + leaseMs + 10)).toBe(1)
        await store.settle(sleeper, [1], start + leaseMs + 20)
        expect(await used(places, start + leaseMs + 20)).toBe(0)
      })

      test('of a reservation that is settled or unknown cannot be renewed', async () => {
        const settled = granted(await reserve([one(places)]))
        await store.settle(settled, [1], start)
        await store.renew(settled, start)
        expect(await used(places)).toBe(0)
      })
    })

    describe('standing', () => {
      test('of a limit that was never used is zero', async () => {
        expect(await store.standing([tokens], start)).toEqual([{ limit: tokens, used: 0, held: 0, resetMs: 0 }])
      })

      test('says when all of the present use will have left the window', async () => {
        granted(await reserve([some(100)], start))
        granted(await reserve([some(100)], start + 10_000))
        const [standing] = await store.standing([tokens], start + 15_000)
        const resetMs = standing?.resetMs ?? 0
        expect(resetMs).toBeGreaterThanOrEqual(55_000)
        expect(resetMs).toBeLessThanOrEqual(55_000 + minute * (counted - 1))
        expect(await used(tokens, start + 15_000 + resetMs - 1)).toBe(100)
        expect(await used(tokens, start + 15_000 + resetMs)).toBe(0)
      })

      test('keeps what was used when the limit is edited', async () => {
        granted(await reserve([some(600)]))
        const lower = { ...tokens, max: 500 }
        expect(await store.standing([lower], start)).toMatchObject([{ limit: lower, used: 600 }])
        expect(refused(await reserve([some(1, lower)]))).toMatchObject({ used: 600, asked: 1 })
        granted(await reserve([some(600, { ...tokens, max: 1_200 })]))
      })
    })

    describe('time', () => {
      test('that runs slightly backwards neither frees nor loses anything', async () => {
        granted(await reserve([some(500)], start))
        const late = granted(await reserve([some(500)], start - 3_000))
        refused(await reserve([some(1)], start - 3_000))
        await store.settle(late, [200], start - 2_000)
        expect(await used(tokens, start - 1_000)).toBe(700)
        expect(await used(tokens, start + minute * counted)).toBe(0)
      })
    })

    // R17 of the reliability catalogue.
    test('a burst on both sides of a full minute stays within any true minute', async () => {
      const rpm = limitOf('key', 'burst', 'requests', 60)
      const midnight = 1_790_000_040_000
      const burst = async (at: number) => {
        const answers = await Promise.all(Array.from({ length: 60 }, () => reserve([one(rpm)], at)))
        return answers.filter((answer) => answer.granted).length
      }
      expect(await burst(midnight - 100)).toBe(60)
      expect(await burst(midnight + 100)).toBe(0)
    })

    test.each([{ load: 0.9 }, { load: 1 }, { load: 2 }])(
      'under $load times its rate a limit is never passed, and 95 percent of it can be used',
      async ({ load }) => {
        const rpm = limitOf('key', 'steady', 'requests', 60)
        const oracle = new Oracle()
        const minutes = 20
        let count = 0
        for (let at = start; at < start + minutes * minute; at += 1_000 / load) {
          const now = Math.floor(at)
          if (!(await reserve([one(rpm)], now)).granted) continue
          oracle.take(`${++count}`, [one(rpm)], now)
          expect(oracle.used(rpm, now)).toBeLessThanOrEqual(60)
        }
        expect(count).toBeGreaterThanOrEqual(0.95 * 60 * minutes * Math.min(load, 1))
      },
    )

    test('agrees with a naive list of everything taken, whatever is done in whatever order', async () => {
      await fc.assert(
        fc.asyncProperty(histories, async (steps) => compare(await open(), steps)),
        { numRuns: 300 },
      )
    })
  })
}
// biome-ignore-end lint/complexity/noExcessiveLinesPerFunction: see above

function granted(answer: Reservation | Refusal): Reservation {
  if (!answer.granted) throw new Error(`refused by ${answer.limit.id}: ${answer.used} + ${answer.asked}`)
  return answer
}

function refused(answer: Reservation | Refusal): Refusal {
  if (answer.granted) throw new Error('granted what should have been refused')
  return answer
}
