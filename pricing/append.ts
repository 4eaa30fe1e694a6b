import type { ModelRecord, PriceEntry, PricingFile } from '../gateway/prices/pricing-file.ts'

/**
 * Brings a catalogue file to what its source says now, by adding only. Names and limits follow the source as they are.
 * Prices never do: an entry, once written, stays as it is, and so does the price of every day before `from`, because
 * calls of those days were charged by it. Where the source differs from then on, entries are appended that say so.
 */
export interface Appended {
  readonly file: PricingFile
  /** Models that are new, and models that got a new price. */
  readonly added: readonly string[]
  readonly changed: readonly string[]
  /** Models that the source no longer lists. Their prices stay. */
  readonly gone: readonly string[]
}

/** `today` names the new entries; `from` is the first day whose price may change (both `yyyy-mm-dd`). */
export function append(ours: PricingFile | undefined, theirs: PricingFile, today: string, from: string): Appended {
  const known = new Map(ours?.models.map((model) => [model.id, model]))
  const listed = new Set(theirs.models.map((model) => model.id))
  const kept = ours?.models.filter((model) => !listed.has(model.id)) ?? []
  const added: string[] = []
  const changed: string[] = []
  const models = theirs.models.map((model): ModelRecord => {
    const stated = model.prices ?? []
    const held = known.get(model.id)?.prices
    if (!held) added.push(model.id)
    const news = held ? newEntries(held, stated, from) : stated
    if (held && news.length > 0) changed.push(model.id)
    return { ...model, prices: [...(held ?? []), ...named(news, held ?? [], today)] }
  })
  return { file: { ...theirs, models: [...models, ...kept] }, added, changed, gone: kept.map((model) => model.id) }
}

type Price = Omit<PriceEntry, 'version' | 'effective_from'>
type Unnamed = Omit<PriceEntry, 'version'>

// The prices in effect from `from` on, one span after another, each as long as the price stays the same.
function spansFrom(entries: readonly PriceEntry[], from: string): { start: string; price: Price }[] {
  const starts = entries.map((entry) => entry.effective_from ?? '').filter((start) => start > from)
  const spans: { start: string; price: Price }[] = []
  for (const start of [from, ...starts.sort()]) {
    const entry = entries.findLast((candidate) => (candidate.effective_from ?? '') <= start)
    if (!entry) continue
    const { version: _, effective_from: __, ...price } = entry
    if (JSON.stringify(spans.at(-1)?.price) !== JSON.stringify(price)) spans.push({ start, price })
  }
  return spans
}

function newEntries(held: readonly PriceEntry[], stated: readonly PriceEntry[], from: string): Unnamed[] {
  const before = spansFrom(held, from)
  const after = spansFrom(stated, from)
  const same = (at: number) => JSON.stringify(before[at]) === JSON.stringify(after[at])
  const first = after.findIndex((_, at) => !same(at))
  if (first >= 0) return after.slice(first).map(({ start, price }) => ({ effective_from: start, ...price }))
  // The source took an announced price back: what holds before it goes on from its day.
  const last = after.at(-1)
  const withdrawn = before[after.length]
  return last && withdrawn ? [{ effective_from: withdrawn.start, ...last.price }] : []
}

// Called by the day it comes into effect; what holds since ever, by the day it was written down.
function named(entries: readonly Unnamed[], held: readonly PriceEntry[], today: string): PriceEntry[] {
  const taken = new Set(held.map((entry) => entry.version))
  return entries.map((entry) => {
    const day = entry.effective_from ?? today
    let version = day
    for (let nth = 2; taken.has(version); nth++) version = `${day}.${nth}`
    taken.add(version)
    return { ...entry, version }
  })
}
