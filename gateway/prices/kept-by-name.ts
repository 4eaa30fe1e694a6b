const keptMax = 4096

/**
 * Remembers what was found by (provider, name). Names come from clients, so what is kept is bounded; starting over is
 * rare, and cheaper than keeping an order.
 */
export function keptByName<Found>(find: (provider: string, name: string) => Found): typeof find {
  const kept = new Map<string, Map<string, Found>>()
  let count = 0
  return (provider, name) => {
    const known = kept.get(provider)?.get(name)
    if (known !== undefined) return known
    const found = find(provider, name)
    if (count === keptMax) {
      kept.clear()
      count = 0
    }
    const names = kept.get(provider) ?? new Map<string, Found>()
    kept.set(provider, names.set(name, found))
    count += 1
    return found
  }
}
