import type { Hold, Limit } from '../domain/limit.ts'
import { leaseMs } from './limit-store.ts'

interface Taken {
  readonly limit: Limit
  readonly at: number
  amount: number
  held: boolean
}

interface Lease {
  readonly taken: Taken[]
  endsAt: number
}

/** A window is counted up to this much longer than it is, so that at least 95 % of its limit can be used. */
export const counted = 1 / 0.95

/**
 * The limits as they are meant: a list of everything that was ever taken, and no cleverness. Stores are compared with
 * it, and may differ only by what they count too long.
 */
export class Oracle {
  readonly #taken: Taken[] = []
  readonly #leases = new Map<string, Lease>()

  take(id: string, holds: readonly Hold[], at: number): void {
    const lease = this.#leases.get(id) ?? { taken: [], endsAt: 0 }
    const taken = holds.map(({ limit, amount }) => ({ limit, at, amount, held: true }))
    lease.taken.push(...taken)
    this.#taken.push(...taken)
    lease.endsAt = at + leaseMs
    this.#leases.set(id, lease)
  }

  renew(id: string, at: number): void {
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    for (const taken of lease.taken) if (taken.limit.measure === 'concurrency') taken.held = true
    lease.endsAt = at + leaseMs
  }

  settle(id: string, spent: readonly number[]): void {
    this.#leases.get(id)?.taken.forEach((taken, i) => {
      taken.amount = spent[i] ?? taken.amount
      taken.held = false
    })
    this.#leases.delete(id)
  }

  /** The ids whose leases end with this sweep. They may still be settled, or renewed. */
  sweep(at: number): string[] {
    const expired: string[] = []
    for (const [id, lease] of this.#leases) {
      if (lease.endsAt > at) continue
      expired.push(id)
      for (const taken of lease.taken) taken.held = false
      lease.endsAt = Number.POSITIVE_INFINITY
    }
    return expired.sort()
  }

  /** What the window that ends at `at` holds; `stretch` makes it longer than it is. */
  used(limit: Limit, at: number, stretch = 1): number {
    return this.#sum(limit, at, stretch, () => true)
  }

  held(limit: Limit, at: number, stretch = 1): number {
    return this.#sum(limit, at, stretch, (taken) => taken.held)
  }

  #sum(limit: Limit, at: number, stretch: number, counts: (taken: Taken) => boolean): number {
    let sum = 0
    for (const taken of this.#taken) {
      if (taken.limit.id !== limit.id || !counts(taken)) continue
      const inside = limit.measure === 'concurrency' ? taken.held : taken.at > at - limit.windowMs * stretch
      if (inside) sum += taken.amount
    }
    return sum
  }
}
