import type { PriceList } from './read-pricing.ts'
import { startOf } from './timeline.ts'

interface Name {
  readonly name: string
  /** Since when it has a price. */
  readonly from: number
}

/**
 * Names of the models in a price list, their aliases among them, that have a price at a time: sorted, each once. Made
 * when somebody first asks for a list, and once: it never changes, only what of it is in effect.
 */
export function listings(
  lists: ReadonlyMap<string, PriceList>,
): (id: string | undefined, at: number) => readonly string[] {
  const made = new Map<string, readonly Name[]>()
  return (id, at) => {
    const list = id === undefined ? undefined : lists.get(id)
    if (!list) return []
    const names = made.get(list.provider) ?? namesIn(list)
    made.set(list.provider, names)
    return names.filter(({ from }) => from <= at).map(({ name }) => name)
  }
}

function namesIn({ models }: PriceList): readonly Name[] {
  const first = new Map<string, number>()
  for (const { id, aliases = [], prices = [] } of models) {
    const from = Math.min(...prices.map(startOf))
    // Aliases may meet an id, or one another: a name is there as soon as anything by it is.
    for (const name of [id, ...aliases]) first.set(name, Math.min(first.get(name) ?? Number.POSITIVE_INFINITY, from))
  }
  return [...first].map(([name, from]) => ({ name, from })).sort((a, b) => (a.name < b.name ? -1 : 1))
}
