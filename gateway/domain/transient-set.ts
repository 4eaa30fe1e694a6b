/** Where a member stands; whoever was added hands it back to be deleted. */
export interface SetPlace<Member> {
  member: Member | undefined
  at: number
}

/**
 * What is here now, in no order: what comes and goes with every call. Not a Set, for the reason that `TransientMap` is
 * not a Map; and since nobody is looked for, no table is needed at all.
 */
export class TransientSet<Member extends object> {
  readonly #places: SetPlace<Member>[] = []

  get size(): number {
    return this.#places.length
  }

  add(member: Member): SetPlace<Member> {
    const place = { member, at: this.#places.length }
    this.#places.push(place)
    return place
  }

  /** The last one takes the place of the one that leaves. Twice is harmless. */
  delete(place: SetPlace<Member>): void {
    if (place.member === undefined) return
    place.member = undefined
    const last = this.#places.pop()
    if (last === undefined || last === place) return
    last.at = place.at
    this.#places[place.at] = last
  }

  /** All that are here when it is called, but for those that are deleted before their turn. */
  *values(): Generator<Member> {
    for (const { member } of [...this.#places]) if (member) yield member
  }
}
