/** Where somebody stands in a crowd; whoever entered hands it back to leave. */
export interface Spot<Member> {
  member: Member | undefined
  at: number
}

/**
 * Those who are here now, in no order: what comes and goes with every call. Not a Set, for the reason that `Passing` is
 * not a Map; and since nobody is looked for, no table is needed at all.
 */
export class Crowd<Member extends object> {
  readonly #spots: Spot<Member>[] = []

  get size(): number {
    return this.#spots.length
  }

  enter(member: Member): Spot<Member> {
    const spot = { member, at: this.#spots.length }
    this.#spots.push(spot)
    return spot
  }

  /** The last one takes the place of the one who leaves. Twice is harmless. */
  leave(spot: Spot<Member>): void {
    if (spot.member === undefined) return
    spot.member = undefined
    const last = this.#spots.pop()
    if (last === undefined || last === spot) return
    last.at = spot.at
    this.#spots[spot.at] = last
  }

  /** All who are here when it is called, but for those who leave before their turn. */
  *members(): Generator<Member> {
    for (const { member } of [...this.#spots]) if (member) yield member
  }
}
