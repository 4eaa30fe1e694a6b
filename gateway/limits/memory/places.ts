import { leaseMs } from '../limit-store.ts'
import type { Charge, Counter } from './counter.ts'

/** When a place comes free is up to the calls that hold them; this is how soon it is worth asking again. */
const askAgainMs = 1_000

/** A counter of concurrency: the places that standing leases hold. */
export class Places implements Counter {
  used = 0

  get held(): number {
    return this.used
  }

  get idle(): boolean {
    return this.used === 0
  }

  slide(): void {}

  take(amount: number): Charge {
    this.used += amount
    return new PlaceCharge(this, amount)
  }

  goneInMs(): number {
    return askAgainMs
  }

  /** Leases that nobody renews have ended by then. */
  emptyInMs(): number {
    return this.used > 0 ? leaseMs : 0
  }
}

class PlaceCharge implements Charge {
  readonly #places: Places
  #held: number

  constructor(places: Places, amount: number) {
    this.#places = places
    this.#held = amount
  }

  // Whatever is said to be spent: a call that has ended holds no place.
  settle(): void {
    this.lapse()
  }

  lapse(): void {
    this.#places.used -= this.#held
    this.#held = 0
  }
}
