import { publicId } from '../domain/id.ts'
import { matches } from '../domain/pattern.ts'
import { lineKey, type OverrideLine, overridePrefix, type PriceOverride } from '../domain/price-override.ts'
import { parts } from '../domain/usage.ts'
import { keptByName } from './kept-by-name.ts'
import type { PriceBook, Quote, Rates } from './price-book.ts'
import { filled, multiplied, tokenParts } from './timeline.ts'

/**
 * Lays overrides over a price book. There are three levels: the connection's over the organisation's over everybody's
 * over the book; what a level says is made from what the next one below it gives. Within a level the line that says most
 * holds (a name before a pattern, a longer pattern before a shorter one, one with a provider before one without), and of
 * a line the latest entry that had come into effect when the call began. Names are those that rows have: never what an
 * answer says served it, which no row keeps, so a correction could not find the same entry again.
 *
 * The book's quotes and rates are made once and stay, so what is laid over each is made once too.
 */
export function openOverrides(book: PriceBook, overrides: readonly PriceOverride[]): PriceBook {
  if (overrides.length === 0) return book
  const lines = linesOf(overrides)
  const look = keptByName((provider, model) => levelsOf(lines, provider, model))
  return {
    ...book,
    quote: (question) => {
      const { provider, model, at, connection, org } = question
      const listed = book.quote(question)
      const levels = look(provider, model)
      if (!levels) return listed
      const everybodys = laid(levels.global, at, listed)
      const orgs = org === undefined ? everybodys : laid(levels.org.get(org), at, everybodys)
      return connection === undefined ? orgs : laid(levels.connection.get(connection), at, orgs)
    },
  }
}

type Over = (below: Quote) => Quote

interface Line {
  readonly line: OverrideLine
  /** In the order in which they come into effect; without an `over`, it says nothing from then on. */
  readonly entries: readonly { readonly from: number; readonly over: Over | undefined }[]
}

/** What there is for one model of one provider, by whom it is for; what says most comes first. */
interface Levels {
  readonly connection: ReadonlyMap<string, readonly Line[]>
  readonly org: ReadonlyMap<string, readonly Line[]>
  readonly global: readonly Line[]
}

function laid(lines: readonly Line[] | undefined, at: number, below: Quote): Quote {
  if (!lines) return below
  for (const { entries } of lines) {
    const over = entries.findLast(({ from }) => from <= at)?.over
    if (over) return over(below)
  }
  return below
}

function linesOf(overrides: readonly PriceOverride[]): readonly Line[] {
  const inOrder = overrides.toSorted((a, b) => a.effectiveFrom - b.effectiveFrom || (a.id < b.id ? -1 : 1))
  const groups = [...Map.groupBy(inOrder, ({ line }) => lineKey(line)).values()]
  const lines = groups.flatMap((entries) =>
    entries.slice(0, 1).map(({ line }) => ({
      line,
      entries: entries.map((entry) => ({ from: entry.effectiveFrom, over: overOf(entry) })),
    })),
  )
  return lines.sort((a, b) => weightOf(b.line) - weightOf(a.line))
}

/** How much a line says of what it is for. */
function weightOf({ model, provider }: OverrideLine): number {
  const literal = model.replaceAll('*', '').length
  return (model === model.replaceAll('*', '') ? 1e6 : 0) + 2 * literal + (provider === undefined ? 0 : 1)
}

function levelsOf(lines: readonly Line[], provider: string, model: string): Levels | false {
  const name = model.toLowerCase()
  const found = lines.filter(
    ({ line }) =>
      (line.provider === undefined || line.provider === provider) && matches(line.model.toLowerCase(), name),
  )
  if (found.length === 0) return false
  const of = (scope: OverrideLine['scope']) => found.filter(({ line }) => line.scope === scope)
  const bySubject = (scope: OverrideLine['scope']) => Map.groupBy(of(scope), ({ line }) => line.subject ?? '')
  return { connection: bySubject('connection'), org: bySubject('org'), global: of('global') }
}

function overOf({ id, terms }: PriceOverride): Over | undefined {
  if (terms.kind === 'withdrawn') return undefined
  const name = publicId(overridePrefix, id)
  const ratesOver = ratesBy(terms)
  return onceEach((below) => {
    const rates = onceEach(ratesOver)
    return {
      status: statusOver(terms, below, rates),
      // Joined: a rope of its parts would be slow in every row's JSON.
      versionId: [name, ...(below.versionId === undefined ? [] : [below.versionId])].join(':'),
      rates: (inputTokens) => rates(below.rates(inputTokens)),
    }
  })
}

type Priced = Exclude<PriceOverride['terms'], { readonly kind: 'withdrawn' }>

function ratesBy(terms: Priced): (below: Rates) => Rates {
  switch (terms.kind) {
    case 'absolute': {
      const own = filled(terms.rates)
      // Prices of tokens belong together and go together. A search that has a price of its own keeps it.
      const gone = tokenParts.some((part) => own[part] !== undefined) ? tokenParts : []
      return (below) => Object.freeze({ ...without(below, gone), ...own })
    }
    case 'multiplier':
      return (below) => Object.freeze(multiplied(below, BigInt(terms.billionths), parts))
    case 'per_request':
      return (below) => Object.freeze({ ...below, requests: terms.fee * 1_000_000 })
  }
}

function without(rates: Rates, gone: readonly string[]): Rates {
  return Object.fromEntries(Object.entries(rates).filter(([part]) => !gone.includes(part)))
}

function statusOver(terms: Priced, below: Quote, rates: (below: Rates) => Rates): Quote['status'] {
  const costsNothing = Object.values(rates(below.rates(0))).every((rate) => rate === 0)
  if (terms.kind === 'absolute') return costsNothing ? 'free' : 'exact'
  // Of what is unknown or has no price, a part of it or a fee beside it is no better known.
  return below.status === 'free' && !costsNothing ? 'exact' : below.status
}

function onceEach<From extends object, Made>(make: (from: From) => Made): (from: From) => Made {
  const made = new WeakMap<From, Made>()
  return (from) => {
    const known = made.get(from)
    if (known !== undefined) return known
    const one = make(from)
    made.set(from, one)
    return one
  }
}
