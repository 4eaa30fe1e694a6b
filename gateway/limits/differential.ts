import fc from 'fast-check'
import { expect } from 'vitest'
import { type Hold, type Limit, limitOf } from '../domain/limit.ts'
import { type LimitStore, leaseMs, type Refusal, type Reservation } from './limit-store.ts'
import { counted, Oracle } from './oracle.ts'

/** Two windows of different lengths, one of them of no round number, and places; small, so that all of them refuse. */
const limits: readonly Limit[] = [
  limitOf('key', 'dev', 'requests', 10),
  limitOf('key', 'dev', 'tokens', 1_000),
  limitOf('key', 'dev', 'concurrency', 4),
  { ...limitOf('org', 'acme', 'tokens', 1_500), id: 'org:acme:tokens:7001', windowMs: 7_001 },
]

const holds = fc
  .tuple(fc.subarray([0, 1, 2, 3]), fc.nat(400), fc.nat(900))
  .map(([which, keyTokens, orgTokens]) => which.flatMap((i) => holdOn(limits[i], [1, keyTokens, 1, orgTokens][i])))

function holdOn(limit: Limit | undefined, amount: number | undefined): Hold[] {
  return limit === undefined || amount === undefined ? [] : [{ limit, amount }]
}

const nth = fc.nat(20)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(9_000) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('reserve' as const), holds }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('extend' as const), holds, nth }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('settle' as const), nth, percent: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('renew' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const), afterMs: fc.nat(60_000) }) },
)
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

/** What may happen to a store, in any order. */
export const histories: fc.Arbitrary<readonly Step[]> = fc.array(step, { minLength: 10, maxLength: 60 })

/** Does the same to a store and to the oracle, and holds each answer of the one against the other. */
export async function compare(store: LimitStore, steps: readonly Step[]): Promise<void> {
  const history = new History(store)
  for (const step of steps) {
    await history.take(step)
    await history.check()
  }
  await history.end()
}

class History {
  readonly #store: LimitStore
  readonly #oracle = new Oracle()
  readonly #open: Reservation[] = []
  readonly #lapsedAt = new Map<string, number>()
  #at = 1_790_000_001_234
  #ids = 0

  constructor(store: LimitStore) {
    this.#store = store
  }

  async take(step: Step): Promise<void> {
    if (step.kind === 'wait') this.#at += step.ms
    else if (step.kind === 'sweep') await this.#sweep(step.afterMs)
    else if (step.kind === 'reserve') await this.#reserve(step.holds)
    else if (this.#open.length > 0) await this.#continue(step, step.nth % this.#open.length)
  }

  /** Never below what the true window holds, never above what one 5 % longer holds. */
  async check(): Promise<void> {
    for (const { limit, used, held } of await this.#store.standing(limits, this.#at)) {
      expect(used).toBeGreaterThanOrEqual(this.#oracle.used(limit, this.#at))
      expect(used).toBeLessThanOrEqual(this.#oracle.used(limit, this.#at, counted))
      expect(held).toBeGreaterThanOrEqual(this.#oracle.held(limit, this.#at))
      expect(held).toBeLessThanOrEqual(this.#oracle.held(limit, this.#at, counted))
    }
  }

  /** When all calls are over, and the longest window too, nothing is left anywhere. */
  async end(): Promise<void> {
    for (const reservation of this.#open) await this.#settle(reservation, 100)
    this.#at += Math.ceil(60_000 * counted)
    for (const { used, held, resetMs } of await this.#store.standing(limits, this.#at)) {
      expect([used, held, resetMs]).toEqual([0, 0, 0])
    }
  }

  async #reserve(holds: readonly Hold[]): Promise<void> {
    const id = `attempt-${++this.#ids}`
    const answer = await this.#store.reserve(id, holds, this.#at)
    if (answer.granted) {
      this.#granted(id, holds)
      this.#open.push(answer)
    } else await this.#refused(answer, holds)
  }

  async #continue(step: Exclude<Step, { kind: 'wait' | 'sweep' | 'reserve' }>, index: number): Promise<void> {
    const reservation = this.#open[index]
    if (reservation === undefined) return
    // How long a store remembers a lease that has ended is its own affair; past another lease nobody counts on it.
    if (this.#at > (this.#lapsedAt.get(reservation.id) ?? this.#at) + leaseMs) return
    if (step.kind === 'extend') {
      const answer = await this.#store.extend(reservation, step.holds, this.#at)
      if (!answer.granted) return this.#refused(answer, step.holds)
      this.#renewed(reservation.id)
      this.#granted(reservation.id, step.holds)
      this.#open[index] = answer
      return
    }
    if (step.kind === 'renew') {
      await this.#store.renew(reservation, this.#at)
      this.#renewed(reservation.id)
      return
    }
    this.#open.splice(index, 1)
    await this.#settle(reservation, step.kind === 'settle' ? step.percent : 'release')
  }

  async #settle(reservation: Reservation, percent: number | 'release'): Promise<void> {
    const share = percent === 'release' ? 0 : percent / 100
    const spent = reservation.holds.map((hold) => Math.floor(hold.amount * share))
    if (percent === 'release') await this.#store.release(reservation)
    else await this.#store.settle(reservation, spent, this.#at)
    this.#oracle.settle(reservation.id, spent)
  }

  async #sweep(afterMs: number): Promise<void> {
    this.#at += afterMs
    const expired = await this.#store.sweep(this.#at)
    expect([...expired].sort()).toEqual(this.#oracle.sweep(this.#at))
    for (const id of expired) this.#lapsedAt.set(id, this.#at)
  }

  #renewed(id: string): void {
    this.#oracle.renew(id, this.#at)
    this.#lapsedAt.delete(id)
  }

  #granted(id: string, holds: readonly Hold[]): void {
    this.#oracle.take(id, holds, this.#at)
    for (const { limit } of holds) expect(this.#oracle.used(limit, this.#at)).toBeLessThanOrEqual(limit.max)
  }

  async #refused({ limit, used, asked, retryAfterMs }: Refusal, holds: readonly Hold[]): Promise<void> {
    expect(holds).toContainEqual({ limit, amount: asked })
    expect(used + asked).toBeGreaterThan(limit.max)
    expect(this.#oracle.used(limit, this.#at, counted) + asked).toBeGreaterThan(limit.max)
    if (limit.measure === 'concurrency' || asked > limit.max) return
    // One millisecond before, a window that is 5 % longer still refuses; at the time that was named, the true one fits.
    const then = this.#at + retryAfterMs
    expect(this.#oracle.used(limit, then) + asked).toBeLessThanOrEqual(limit.max)
    expect(this.#oracle.used(limit, then - 1, counted) + asked).toBeGreaterThan(limit.max)
  }
}
