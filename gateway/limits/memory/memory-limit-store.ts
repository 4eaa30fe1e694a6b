import type { Hold, Limit } from '../../domain/limit.ts'
import { TransientMap } from '../../domain/transient-map.ts'
import { type LimitStore, leaseMs, type Refusal, type Reservation, type Standing } from '../limit-store.ts'
import type { Charge, Counter } from './counter.ts'
import { Places } from './places.ts'
import { SlidingWindow } from './sliding-window.ts'

/** Behind the latest time seen by more than this, a sweep concludes that the clock was set back. */
const clockJitterMs = 5_000

/** How many counters a sweep looks at, at least; of more it takes an eighth, so that no sweep is long. */
const sweptCountersMin = 1_024

/**
 * A standing reservation: one charge per hold, in their order. `endsAt` is the end of its lease; after it has lapsed,
 * the moment from which nothing is left to correct and it is forgotten.
 */
interface Lease {
  reservation: Reservation
  readonly charges: Charge[]
  endsAt: number
  lapsed: boolean
}

/**
 * The limits of one process, kept in its memory. Every operation runs to its end before another begins, which is what
 * makes a reservation all or none. Counters and leases are dropped by `sweep`; nothing here has a timer of its own.
 */
export class MemoryLimitStore implements LimitStore {
  readonly #counters = new Map<string, Counter>()
  /** In the order in which they end: a lease always lasts as long, and a renewed one goes to the back. */
  readonly #standing = new TransientMap<string, Lease>()
  readonly #lapsed = new TransientMap<string, Lease>()
  #walk: Iterator<[string, Counter]> | undefined
  #latest = 0
  #skewMs = 0

  /** How many counters and leases are kept, for the metrics. */
  get size(): { readonly counters: number; readonly leases: number } {
    return { counters: this.#counters.size, leases: this.#standing.size + this.#lapsed.size }
  }

  async reserve(id: string, holds: readonly Hold[], at: number): Promise<Reservation | Refusal> {
    const known = this.#leaseOf(id)
    if (known !== undefined) return known.reservation
    const now = this.#timeAt(at)
    const charges: Charge[] = []
    const refusal = this.#take(holds, charges, now)
    if (refusal !== undefined) return refusal
    const reservation: Reservation = { granted: true, id, holds, standings: this.#standings(holds, now) }
    this.#standing.set(id, { reservation, charges, endsAt: now + leaseMs, lapsed: false })
    return reservation
  }

  async extend({ id, holds }: Reservation, more: readonly Hold[], at: number): Promise<Reservation | Refusal> {
    const lease = this.#leaseOf(id)
    // Nothing of it is left (its process slept for minutes): what it holds is taken anew, together with the rest.
    if (lease === undefined) return this.reserve(id, [...holds, ...more], at)
    const now = this.#timeAt(at)
    const refusal = this.#take(more, lease.charges, now)
    if (refusal !== undefined) return refusal
    this.#prolong(lease, now)
    const all = [...lease.reservation.holds, ...more]
    lease.reservation = { granted: true, id, holds: all, standings: this.#standings(all, now) }
    return lease.reservation
  }

  async renew({ id }: Reservation, at: number): Promise<void> {
    const lease = this.#leaseOf(id)
    if (lease !== undefined) this.#prolong(lease, this.#timeAt(at))
  }

  async settle({ id }: Reservation, spent: readonly number[]): Promise<void> {
    const lease = this.#end(id)
    // A hold about which nothing is said stays spent as held: the upper bound.
    if (lease === undefined) return
    const { charges, reservation } = lease
    for (const [i, charge] of charges.entries()) charge.settle(spent[i] ?? reservation.holds[i]?.amount ?? 0)
  }

  async release({ id }: Reservation): Promise<void> {
    for (const charge of this.#end(id)?.charges ?? []) charge.settle(0)
  }

  async sweep(at: number): Promise<readonly string[]> {
    // Only here is the clock believed to have been set back: elsewhere `at` may be a stamp from a while ago.
    if (at + this.#skewMs < this.#latest - clockJitterMs) this.#skewMs = this.#latest - at
    const now = this.#timeAt(at)
    for (const lease of this.#lapsed.values()) {
      if (lease.endsAt > now) break
      this.#lapsed.take(lease.reservation.id)
    }
    const expired: string[] = []
    for (const lease of this.#standing.values()) {
      if (lease.endsAt > now) break
      this.#lapse(lease, now)
      expired.push(lease.reservation.id)
    }
    this.#dropIdleCounters(now)
    return expired
  }

  async standing(limits: readonly Limit[], at: number): Promise<readonly Standing[]> {
    const now = this.#timeAt(at)
    return limits.map((limit) => {
      const counter = this.#counters.get(limit.id)
      counter?.slide(now)
      return standingOf(limit, counter, now)
    })
  }

  /** Takes all holds, appending their charges, or none. One by one, so that two holds of one limit see each other. */
  #take(holds: readonly Hold[], charges: Charge[], now: number): Refusal | undefined {
    const before = charges.length
    for (const { limit, amount } of holds) {
      const counter = this.#counterOf(limit)
      counter.slide(now)
      if (counter.used + amount > limit.max) {
        for (const taken of charges.splice(before)) taken.settle(0)
        return refusalOf(limit, amount, counter, now)
      }
      charges.push(counter.take(amount, now))
    }
    return undefined
  }

  #counterOf(limit: Limit): Counter {
    let counter = this.#counters.get(limit.id)
    if (counter === undefined) {
      counter = limit.measure === 'concurrency' ? new Places() : new SlidingWindow(limit.windowMs)
      this.#counters.set(limit.id, counter)
    }
    return counter
  }

  #standings(holds: readonly Hold[], now: number): readonly Standing[] {
    return holds.map(({ limit }) => standingOf(limit, this.#counters.get(limit.id), now))
  }

  #leaseOf(id: string): Lease | undefined {
    return this.#standing.get(id) ?? this.#lapsed.get(id)
  }

  /** Takes a lease off the books: what comes for it later finds nothing and changes nothing. */
  #end(id: string): Lease | undefined {
    return this.#standing.take(id) ?? this.#lapsed.take(id)
  }

  #prolong(lease: Lease, now: number): void {
    if (lease.lapsed) this.#retakePlaces(lease, now)
    this.#end(lease.reservation.id)
    this.#standing.set(lease.reservation.id, lease)
    lease.lapsed = false
    lease.endsAt = now + leaseMs
  }

  /** The call runs after all, so it holds its places whatever the limit says; its windows were never given back. */
  #retakePlaces({ charges, reservation }: Lease, now: number): void {
    reservation.holds.forEach(({ limit, amount }, i) => {
      if (limit.measure === 'concurrency') charges[i] = this.#counterOf(limit).take(amount, now)
    })
  }

  #lapse(lease: Lease, now: number): void {
    const { id } = lease.reservation
    for (const charge of lease.charges) charge.lapse()
    this.#standing.take(id)
    this.#lapsed.set(id, lease)
    lease.lapsed = true
    // Kept while a late settlement could still correct a window, and a renewal bring back a long sleeper.
    lease.endsAt = now + lease.reservation.holds.reduce((ms, { limit }) => Math.max(ms, 2 * limit.windowMs), leaseMs)
  }

  /** Goes on where the last sweep stopped. A counter in which nothing is used says no more than none at all. */
  #dropIdleCounters(now: number): void {
    const walked = Math.max(sweptCountersMin, Math.ceil(this.#counters.size / 8))
    this.#walk ??= this.#counters.entries()
    for (let i = 0; i < walked; i++) {
      const step = this.#walk.next()
      if (step.done === true) {
        this.#walk = undefined
        return
      }
      const [id, counter] = step.value
      counter.slide(now)
      if (counter.idle) this.#counters.delete(id)
    }
  }

  /** Time as the counters see it: it stands still while stamps arrive out of order, and never runs backwards. */
  #timeAt(at: number): number {
    this.#latest = Math.max(this.#latest, at + this.#skewMs)
    return this.#latest
  }
}

function standingOf(limit: Limit, counter: Counter | undefined, now: number): Standing {
  if (counter === undefined) return { limit, used: 0, held: 0, resetMs: 0 }
  return { limit, used: counter.used, held: counter.held, resetMs: counter.emptyInMs(now) }
}

function refusalOf(limit: Limit, asked: number, counter: Counter, now: number): Refusal {
  const { used } = counter
  return { granted: false, limit, used, asked, retryAfterMs: counter.goneInMs(used + asked - limit.max, now) }
}
