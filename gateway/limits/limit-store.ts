import type { Hold, Limit } from '../domain/limit.ts'

/**
 * Keeps the counters of all limits. A reservation sets amounts aside before a call, all or none; settlement replaces
 * them by what was really used; release gives them back. A reservation is a lease: one that is neither settled nor
 * renewed runs out, so a dead process blocks nobody.
 *
 * `at` is the present, by the gateway's clock. Each hold is charged to the sub-bucket in which it was taken, however
 * late its settlement comes (windows.ts).
 *
 * Every implementation runs `conformance.ts`.
 */
export interface LimitStore {
  /** `id` is the call's or the attempt's. A second reserve under the same id answers as the first did. */
  reserve(id: string, holds: readonly Hold[], at: number): Promise<Reservation | Refusal>
  /** Sets more aside under a standing reservation (another connection's limits on failover, a longer answer). */
  extend(reservation: Reservation, more: readonly Hold[], at: number): Promise<Reservation | Refusal>
  /** Prolongs the lease. A process that slept past its end so takes its places again: it does run. */
  renew(reservation: Reservation, at: number): Promise<void>
  /**
   * What was really used, in the order of the reservation's holds; a hold about which nothing is said is spent as
   * held. A second settle of the same reservation is a no-op, one after the lease's end corrects what was assumed.
   */
  settle(reservation: Reservation, spent: readonly number[], at: number): Promise<void>
  /** Gives back everything, requests included: as if the call had never been. */
  release(reservation: Reservation): Promise<void>
  /** Ends leases that ran out: places are free, the rest counts as spent. Returns the ids of their reservations. */
  sweep(at: number): Promise<readonly string[]>
  standing(limits: readonly Limit[], at: number): Promise<readonly Standing[]>
}

export interface Reservation {
  readonly granted: true
  readonly id: string
  readonly holds: readonly Hold[]
  /** Where each held limit stands after this reservation, in the order of `holds`. */
  readonly standings: readonly Standing[]
}

/** The limit that said no, and when it would say yes if nothing else came. */
export interface Refusal {
  readonly granted: false
  readonly limit: Limit
  readonly used: number
  /** More than `limit.max` never fits; `retryAfterMs` is a whole window then. */
  readonly asked: number
  readonly retryAfterMs: number
}

export interface Standing {
  readonly limit: Limit
  /** Settled and held together. */
  readonly used: number
  readonly held: number
  /** Until all of the window's present use has left it; of places, until leases that nobody renews have ended. */
  readonly resetMs: number
}

/** How long a reservation lives without being renewed. */
export const leaseMs = 90_000
