/**
 * Remembers what was made for the last `max` names. What clients send as names has no end, so the oldest goes out when a
 * new one comes in; `undefined` is not remembered, which keeps names that mean nothing from pushing out those that do.
 */
export function memo<Value extends object>(
  max: number,
): (name: string, make: () => Value | undefined) => Value | undefined {
  const known = new Map<string, Value>()
  return (name, make) => {
    const before = known.get(name)
    if (before !== undefined) return before
    const value = make()
    if (value === undefined) return undefined
    if (known.size >= max) {
      const oldest = known.keys().next()
      if (!oldest.done) known.delete(oldest.value)
    }
    known.set(name, value)
    return value
  }
}
