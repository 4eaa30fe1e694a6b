import type { ModelRecord, PricingFile, SellersFile } from './pricing-file.ts'

/** What the schema cannot say of a file by itself; each problem names its entry. */
export function entryProblems(file: PricingFile): readonly string[] {
  const problems: string[] = []
  const ids = new Set<string>()
  for (const { id, prices = [] } of file.models) {
    if (ids.has(id.toLowerCase())) problems.push(`models › ${id}: is listed twice`)
    ids.add(id.toLowerCase())
    for (const { version, tiers = [], hours = [] } of prices) {
      const ascending = [tiers, ...hours.map((span) => span.tiers ?? [])].every((steps) =>
        steps.every((step, i) => step.above_input_tokens > (steps[i - 1]?.above_input_tokens ?? 0)),
      )
      if (!ascending) problems.push(`models › ${id} › prices › ${version}: its tiers do not ascend`)
      if (hours.some((span) => span.from === span.to)) {
        problems.push(`models › ${id} › prices › ${version}: a time of the day ends where it begins`)
      }
    }
  }
  return problems
}

/** Of a list, once its files are laid over one another. */
export function listProblems(list: {
  readonly provider: string
  readonly models: readonly ModelRecord[]
}): readonly string[] {
  const { provider, models } = list
  return models.flatMap(({ id, prices = [] }) => {
    if (prices.length === 0) return [`${provider}: ${id}: has no price entry, and is in no other file`]
    const versions = new Set(prices.map((entry) => entry.version))
    return versions.size < prices.length ? [`${provider}: ${id}: two price entries have the same version`] : []
  })
}

/** Of a line that names lists. */
export function sellerProblems(
  seller: SellersFile['providers'][number],
  lists: ReadonlyMap<string, unknown>,
): readonly string[] {
  const named = [seller.catalogue ?? [], Array.isArray(seller.makers) ? seller.makers : []].flat()
  return named
    .filter((list) => !lists.has(list))
    .map((list) => `providers.json: ${seller.id}: there is no price file of ${list}`)
}

/** A file that would be read and never used: its provider sells by another, and nobody sells by it. */
export function unsoldProblems(list: string, sellers: SellersFile['providers']): readonly string[] {
  const other = sellers.find(({ id, catalogue = id }) => id === list && catalogue !== list)
  if (!other || sellers.some(({ catalogue }) => catalogue === list)) return []
  return [`providers.json: ${list} sells by ${other.catalogue}, so the price file of ${list} would not count`]
}
