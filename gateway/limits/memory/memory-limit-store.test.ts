import { describe, expect, test } from 'vitest'
import { type Hold, limitOf } from '../../domain/limit.ts'
import { describeLimitStore } from '../conformance.ts'
import { leaseMs } from '../limit-store.ts'
import { MemoryLimitStore } from './memory-limit-store.ts'

describeLimitStore('limits in process', async () => new MemoryLimitStore())

const start = 1_790_000_001_234
const hour = 3_600_000

describe('memory', () => {
  test('is given back when subjects have gone quiet, and never more than a part of them at a time', async () => {
    const store = new MemoryLimitStore()
    for (let i = 0; i < 5_000; i++) {
      const holds = [limitOf('user', `u${i}`, 'requests', 10), limitOf('user', `u${i}`, 'concurrency', 1)]
      const answer = await store.reserve(
        `${i}`,
        holds.map((limit) => ({ limit, amount: 1 })),
        start,
      )
      if (answer.granted) await store.settle(answer, [1, 1])
    }
    expect(store.size).toEqual({ counters: 10_000, leases: 0 })
    await store.sweep(start + 120_000)
    expect(store.size.counters).toBeGreaterThan(8_000)
    for (let second = 121; second < 140; second++) await store.sweep(start + second * 1_000)
    expect(store.size.counters).toBe(0)
  })

  test('keeps a counter that a standing lease or a window still needs', async () => {
    const store = new MemoryLimitStore()
    const place = { limit: limitOf('key', 'dev', 'concurrency', 1), amount: 1 }
    const reservation = await store.reserve('long', [place], start)
    if (!reservation.granted) throw new Error('refused')
    for (let at = start; at < start + 10 * 60_000; at += 30_000) {
      await store.renew(reservation, at)
      await store.sweep(at)
    }
    expect(await store.reserve('second', [place], start + 10 * 60_000)).toMatchObject({ granted: false, used: 1 })
  })

  test('forgets leases that ended long ago, and those that wake after that take their holds anew', async () => {
    const store = new MemoryLimitStore()
    const tokens = { limit: limitOf('key', 'dev', 'tokens', 100), amount: 60 }
    const sleeper = await store.reserve('sleeper', [tokens], start)
    if (!sleeper.granted) throw new Error('refused')
    await store.sweep(start + leaseMs)
    expect(store.size.leases).toBe(1)
    await store.sweep(start + hour)
    expect(store.size).toEqual({ counters: 0, leases: 0 })
    const more = { ...tokens, amount: 10 }
    expect(await store.extend(sleeper, [more], start + hour)).toMatchObject({ holds: [tokens, more] })
    expect(await store.standing([tokens.limit], start + hour)).toMatchObject([{ used: 70, held: 70 }])
  })
})

describe('a clock that is set back', () => {
  const tokens: Hold = { limit: limitOf('key', 'dev', 'tokens', 100), amount: 100 }

  test('by an hour locks nobody out for that hour: windows and leases go on as long as they had', async () => {
    const store = new MemoryLimitStore()
    const places = { limit: limitOf('key', 'dev', 'concurrency', 1), amount: 1 }
    await store.reserve('before', [tokens, places], start)
    const now = start - hour
    await store.sweep(now)
    expect(await store.reserve('after', [tokens], now + 30_000)).toMatchObject({ granted: false })
    expect(await store.reserve('later', [tokens], now + 65_000)).toMatchObject({ granted: true })
    expect(await store.sweep(now + leaseMs)).toEqual(['before'])
  })

  test('is not concluded from a request whose stamp is old', async () => {
    const store = new MemoryLimitStore()
    await store.reserve('first', [tokens], start)
    expect(await store.reserve('stale', [tokens], start - hour)).toMatchObject({ granted: false })
    expect(await store.reserve('next', [tokens], start + 30_000)).toMatchObject({ granted: false })
  })
})
