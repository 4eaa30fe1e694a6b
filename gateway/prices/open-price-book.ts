import type { NanoUsd } from '../domain/money.ts'
import type { PriceStatus } from '../domain/usage-row.ts'
import { keptByName } from './kept-by-name.ts'
import { listings } from './listing.ts'
import { matcherOf, type NameForms, nameForms, nameLengthMax } from './model-names.ts'
import type { ModelBounds, PriceBook, PriceQuestion, Quote, Rates } from './price-book.ts'
import type { ModelRecord } from './pricing-file.ts'
import type { PriceList, Pricing } from './read-pricing.ts'
import { type Timelines, timelinesOf, tokenParts } from './timeline.ts'

/**
 * A name is looked up in the provider's own prices first, then, where the provider serves other people's models, in
 * those of the model's maker. In each: by its id, by an alias, by a matcher; as it is, then without its date. What was
 * found is kept by (provider, name); what a call costs is then chosen by its own time, so nothing kept goes stale.
 */
export interface PriceBookOptions {
  /** What a million tokens of an unknown model cost. */
  readonly defaultPerMtok: NanoUsd
}

/** What is known of a name: `undefined` lines mean that nobody is known to sell such a model. */
interface Found {
  readonly lines: Timelines | undefined
  readonly bounds: ModelBounds
}

export function openPriceBook(pricing: Pricing, { defaultPerMtok }: PriceBookOptions): PriceBook {
  const shelves = new Map<string, Shelf>()
  const shelf = (id: string | undefined): Shelf | undefined => {
    const list = id === undefined ? undefined : pricing.lists.get(id)
    if (!list) return undefined
    const open = shelves.get(list.provider) ?? openShelf(list)
    shelves.set(list.provider, open)
    return open
  }
  // Beside the shelves: to name what is for sale, nothing has to be made ready for look-ups.
  const listed = listings(pricing.lists)
  const sellerOf = (provider: string) => pricing.sellers.get(provider) ?? { id: provider, catalogue: provider }
  const unknown = defaultQuote(defaultPerMtok)

  const find = (provider: string, name: string): Found => {
    const seller = sellerOf(provider)
    const asked = name.trim() === '' ? seller.default_model : name
    if (asked === undefined || asked.length > nameLengthMax) return { lines: undefined, bounds: noBounds }
    const forms = nameForms(asked)
    const own = search(shelf(seller.catalogue), forms)
    const made = own?.bounds.outputTokensMax === undefined ? searchMakers(forms, seller.makers) : undefined
    const { line, status } = own ?? (made ? { line: made.line, status: 'alias' } : {})
    return {
      lines: line?.quotes(asked === name ? (status ?? 'alias') : 'default'),
      bounds: {
        contextWindow: own?.bounds.contextWindow ?? made?.bounds.contextWindow,
        outputTokensMax: own?.bounds.outputTokensMax ?? made?.bounds.outputTokensMax,
      },
    }
  }

  // The maker that the name itself names (`anthropic/…`, `anthropic.…`), else one that says it makes such models.
  const searchMakers = (forms: NameForms, makers: 'any' | readonly string[] = []): Hit | undefined => {
    const names = forms.same[0]?.split(/[./]/) ?? []
    const named = names.flatMap((part) => pricing.sellers.get(part)?.catalogue ?? part)
    const ids = makers === 'any' ? [...pricing.lists.keys()] : makers
    const making = ids.filter((id) => forms.same.some((form) => shelf(id)?.makes(form)))
    for (const id of [...named.filter((id) => ids.includes(id)), ...making, ...(makers === 'any' ? [] : makers)]) {
      const hit = search(shelf(id), forms)
      if (hit) return hit
    }
    return undefined
  }

  const look = keptByName(find)

  const quoteOf = ({ provider, tier, at }: PriceQuestion, model: string): Quote => {
    const { lines } = look(provider, model)
    return (lines?.get(tier) ?? lines?.get(undefined))?.at(at) ?? unknown
  }

  return {
    quote: (question) => {
      const quote = quoteOf(question, question.model)
      // A deployment may bear any name; what it serves has a price.
      if (quote.status !== 'default' || question.served === undefined) return quote
      const other = quoteOf(question, question.served)
      return other.status === 'default' ? quote : other
    },
    bounds: (provider, model) => look(provider, model).bounds,
    models: (provider, at) => listed(sellerOf(provider).catalogue, at),
  }
}

const noBounds: ModelBounds = { contextWindow: undefined, outputTokensMax: undefined }

function defaultQuote(perMtok: NanoUsd): Quote {
  const rates: Rates = Object.freeze(Object.fromEntries(tokenParts.map((part) => [part, perMtok])))
  return { status: 'default', versionId: undefined, rates: () => rates }
}

/** A provider's price list, made ready for look-ups. */
interface Shelf {
  readonly ids: ReadonlyMap<string, Line>
  readonly aliases: ReadonlyMap<string, Line>
  readonly matchers: readonly { readonly test: (name: string) => boolean; readonly line: Line | undefined }[]
  makes(name: string): boolean
}

interface Line {
  readonly model: ModelRecord
  quotes(status: PriceStatus): Timelines
}

interface Hit {
  readonly line: Line
  readonly status: 'exact' | 'alias'
  readonly bounds: ModelBounds
}

function openShelf(list: PriceList): Shelf {
  const lines = list.models.map((model): Line => lineOf(list, model))
  const ids = new Map(lines.map((line) => [line.model.id.toLowerCase(), line]))
  const makes = list.makes.map(matcherOf)
  const aliases = new Map<string, Line>()
  for (const line of lines) {
    for (const alias of line.model.aliases ?? []) {
      if (!aliases.has(alias.toLowerCase())) aliases.set(alias.toLowerCase(), line)
    }
  }
  return {
    ids,
    aliases,
    matchers: list.matchers.map(({ match, id }) => ({ test: matcherOf(match), line: ids.get(id.toLowerCase()) })),
    makes: (name) => makes.some((test) => test(name)),
  }
}

function lineOf(list: PriceList, model: ModelRecord): Line {
  const byStatus = new Map<PriceStatus, Timelines>()
  return {
    model,
    quotes(status) {
      const made = byStatus.get(status) ?? timelinesOf(list, model, status)
      byStatus.set(status, made)
      return made
    },
  }
}

function search(shelf: Shelf | undefined, { same, undated }: NameForms): Hit | undefined {
  if (!shelf) return undefined
  const exact = shelf.ids.get(same[0] ?? '')
  if (exact) return hit(exact, 'exact')
  const line = searchForms(shelf, same) ?? searchForms(shelf, undated)
  return line && hit(line, 'alias')
}

function searchForms(shelf: Shelf, forms: readonly string[]): Line | undefined {
  for (const form of forms) {
    const line = shelf.ids.get(form) ?? shelf.aliases.get(form)
    if (line) return line
  }
  for (const form of forms) {
    const matcher = shelf.matchers.find(({ test }) => test(form))
    if (matcher?.line) return matcher.line
  }
  return undefined
}

function hit(line: Line, status: Hit['status']): Hit {
  const { context_window: contextWindow, max_output_tokens: outputTokensMax } = line.model
  return { line, status, bounds: { contextWindow, outputTokensMax } }
}
