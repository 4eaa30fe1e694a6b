interface Place<Value> {
  value: Value | undefined
}

/**
 * A map of what comes and goes with every call.
 *
 * V8 gives a Map a new table each time its table is full of what was deleted, and lets the old one point to the new one.
 * So the first that grows old keeps all that follow, each with what was in it at its end, from being collected with their
 * generation: most of what a busy gateway's calls consist of. Here a table holds places, and a place that is given up is
 * empty.
 */
export class TransientMap<Key, Value extends object> {
  readonly #places = new Map<Key, Place<Value>>()

  get size(): number {
    return this.#places.size
  }

  get(key: Key): Value | undefined {
    return this.#places.get(key)?.value
  }

  /** Puts it behind all others, or in the place that it has. */
  set(key: Key, value: Value): void {
    const place = this.#places.get(key)
    if (place) place.value = value
    else this.#places.set(key, { value })
  }

  /** Takes it out, and returns it if it was there. */
  take(key: Key): Value | undefined {
    const place = this.#places.get(key)
    if (place === undefined) return undefined
    const { value } = place
    this.#places.delete(key)
    place.value = undefined
    return value
  }

  /** In the order in which they came. */
  *values(): Generator<Value> {
    for (const { value } of this.#places.values()) if (value) yield value
  }
}
