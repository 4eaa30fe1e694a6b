/** What is counted under one limit. `slide` comes first: the others read what it left. */
export interface Counter {
  /** Lets go of what has left the window by `now`, which never runs backwards. */
  slide(now: number): void
  /** Settled and held together. */
  readonly used: number
  readonly held: number
  /** Nothing is counted, nor can a charge of old still change that. */
  readonly idle: boolean
  take(amount: number, now: number): Charge
  /** How long until `excess` of what is used will have gone; a whole window where it is more than that. */
  goneInMs(excess: number, now: number): number
  /** How long until nothing is used. */
  emptyInMs(now: number): number
}

/** One hold, where it is counted. It is settled at most once; the store sees to that. */
export interface Charge {
  /** Replaces what was held by what was spent; 0 for a hold that is given back. */
  settle(spent: number): void
  /** The lease ran out: what was held counts as spent until it is settled; a place is free again. */
  lapse(): void
}
