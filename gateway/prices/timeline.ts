import { divideHalfUp, nanoFromUsd } from '../domain/money.ts'
import { type Part, parts } from '../domain/usage.ts'
import type { PriceStatus } from '../domain/usage-row.ts'
import type { Quote, Rates } from './price-book.ts'
import type { ModelRecord, PriceEntry, StatedRates } from './pricing-file.ts'
import type { PriceList } from './read-pricing.ts'

/**
 * What a model costs over time. At any time one entry holds, the last of the list that had come into effect; so a
 * timeline is a row of quotes, made once, and a look-up makes nothing.
 */
export interface Timeline {
  at(time: number): Quote
}

/** By service tier; `undefined` is the ordinary price, which also holds for a tier that has none of its own. */
export type Timelines = ReadonlyMap<string | undefined, Timeline>

/** Parts that are counted in tokens. */
export const tokenParts: readonly Part[] = parts.filter(
  (part) => !['images', 'seconds', 'characters', 'searches', 'requests'].includes(part),
)

// Where a part has no rate, the first of these that has one is the rate that providers bill it at: what is not
// discounted costs as much as the rest. The other parts have no neighbour, and stay without a rate.
const fallbacks: readonly (readonly [Part, readonly Part[]])[] = [
  ['cache_read_audio', ['input_audio', 'cache_read', 'input']],
  ['cache_read', ['input']],
  ['cache_write_1h', ['cache_write_5m', 'input']],
  ['cache_write_5m', ['input']],
  ['input_audio', ['input']],
  ['input_image', ['input']],
  ['reasoning', ['output']],
  ['output_audio', ['output']],
  ['output_image', ['output']],
]

/** `status` is how the model was found; a price of nothing is `free` and no price `missing`, however it was found. */
export function timelinesOf(list: PriceList, model: ModelRecord, status: PriceStatus): Timelines {
  const prices = model.prices ?? []
  const multiples = list.serviceTiers
  const tiers = new Set([undefined, ...prices.map((e) => e.service_tier), ...multiples.map((e) => e.service_tier)])
  return new Map(
    [...tiers].map((tier) => {
      const standard = prices.filter((entry) => entry.service_tier === undefined)
      const own = tier === undefined ? [] : prices.filter((entry) => entry.service_tier === tier)
      const times = multiples.filter((entry) => entry.service_tier === tier)
      const starts = new Set([...standard, ...own, ...times].map(startOf).sort((a, b) => a - b))
      const spans = [...starts].map((from) => {
        const layers = { standard: inEffect(standard, from), own: inEffect(own, from), times: inEffect(times, from) }
        return spanOf(`${list.provider}/${model.id}`, from, layers, status)
      })
      return [tier, timelineOf(spans)]
    }),
  )
}

interface Span {
  readonly from: number
  readonly quote: Quote
  /** Minutes of the day, UTC. */
  readonly hours: readonly { readonly from: number; readonly to: number; readonly quote: Quote }[]
}

const noRates: Rates = Object.freeze({})
const unpriced: Quote = { status: 'missing', versionId: undefined, rates: () => noRates }

function timelineOf(spans: readonly Span[]): Timeline {
  return {
    at(time) {
      for (let i = spans.length - 1; i >= 0; i--) {
        const span = spans[i]
        if (span && span.from <= time) return span.hours.length === 0 ? span.quote : quoteOfHour(span, time)
      }
      return unpriced
    },
  }
}

function quoteOfHour(span: Span, time: number): Quote {
  const minute = Math.floor(time / 60_000) % 1440
  const hour = span.hours.findLast(({ from, to }) =>
    from < to ? minute >= from && minute < to : minute >= from || minute < to,
  )
  return hour?.quote ?? span.quote
}

interface Layers {
  readonly standard: PriceEntry | undefined
  /** What a service tier costs itself; what it does not state stays as in the standard. */
  readonly own: PriceEntry | undefined
  readonly times: PriceList['serviceTiers'][number] | undefined
}

function spanOf(id: string, from: number, layers: Layers, status: PriceStatus): Span {
  const { standard, own, times } = layers
  const versions = [standard, own ?? times].flatMap((layer) => layer?.version ?? []).join('+')
  // Joined, which makes one flat string: JSON of every row holds it, and V8 writes JSON three times slower when it meets
  // a string that is still a rope of its parts.
  const versionId = [id, '@', versions].join('')
  const factor = own || !times ? undefined : nanoFromUsd(times.times)
  const quoteOf = (price: Pick<PriceEntry, 'rates' | 'tiers'> | undefined): Quote => {
    const thresholds = [price, own].flatMap((layer) => layer?.tiers?.map((tier) => tier.above_input_tokens) ?? [])
    const steps = [0, ...new Set(thresholds.sort((a, b) => a - b))].map((above) => {
      const rates = { ...ratesAbove(price, above), ...ratesAbove(own, above) }
      return { above, rates: filled(factor === undefined ? rates : multiplied(rates, factor, tokenParts)) }
    })
    return quote(steps, versionId, status)
  }
  const hours = (standard?.hours ?? []).map((hour) => ({
    from: minuteOf(hour.from),
    to: minuteOf(hour.to),
    quote: quoteOf(hour),
  }))
  return { from, quote: quoteOf(standard), hours }
}

function quote(steps: readonly { above: number; rates: Rates }[], versionId: string, status: PriceStatus): Quote {
  const [base = { above: 0, rates: {} }, ...dearer] = steps
  const stated = Object.values(base.rates)
  if (stated.length === 0) return unpriced
  return {
    status: stated.every((rate) => rate === 0) ? 'free' : status,
    versionId,
    rates:
      dearer.length === 0
        ? () => base.rates
        : (inputTokens) => (dearer.findLast((step) => inputTokens > step.above) ?? base).rates,
  }
}

// Each tier says what differs from the one below it.
function ratesAbove(price: Pick<PriceEntry, 'rates' | 'tiers'> | undefined, above: number): Rates {
  const reached = price?.tiers?.filter((tier) => tier.above_input_tokens <= above) ?? []
  return Object.assign({}, ...[price?.rates ?? {}, ...reached.map((tier) => tier.rates)].map(nanoRates))
}

function nanoRates(stated: StatedRates): Rates {
  return Object.fromEntries(Object.entries(stated).map(([part, usd]) => [part, Number(nanoFromUsd(usd))]))
}

/** `factor` is in billionths; other parts than these stay as they are. */
export function multiplied(rates: Rates, factor: bigint, of: readonly Part[]): Rates {
  const scaled = of.flatMap((part) => {
    const rate = rates[part]
    return rate === undefined ? [] : [[part, Number(divideHalfUp(BigInt(rate) * factor, 1_000_000_000n))]]
  })
  return { ...rates, ...Object.fromEntries(scaled) }
}

/** With the rates of neighbours for token parts that have none. */
export function filled(rates: Rates): Rates {
  const all: Partial<Record<Part, number>> = { ...rates }
  for (const [part, neighbours] of fallbacks) {
    const neighbour = neighbours.find((candidate) => rates[candidate] !== undefined)
    if (rates[part] === undefined && neighbour) all[part] = rates[neighbour] ?? 0
  }
  return Object.freeze(all)
}

/** From when on a price holds. */
export function startOf(entry: { readonly effective_from?: string | undefined }): number {
  return entry.effective_from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(entry.effective_from)
}

function inEffect<T extends { readonly effective_from?: string | undefined }>(
  entries: readonly T[],
  at: number,
): T | undefined {
  return entries.findLast((entry) => startOf(entry) <= at)
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
}
