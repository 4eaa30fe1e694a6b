import { usdFromNano } from '../../domain/money.ts'
import type { Part } from '../../domain/usage.ts'
import type { Quote, Rates } from '../../prices/price-book.ts'
import { table } from '../table.ts'
import { ratesInUsd, ratesInWords } from './terms.ts'

/** A model at a provider, and what it costs. */
export interface Priced {
  readonly provider: string
  readonly model: string
  readonly quote: Quote
}

const columns = [
  { head: 'MODEL' },
  { head: 'PROVIDER' },
  { head: 'STATUS' },
  { head: 'INPUT', align: 'right' },
  { head: 'CACHED', align: 'right' },
  { head: 'OUTPUT', align: 'right' },
  { head: 'OTHER', widthMax: 80 },
  { head: 'VERSION', widthMax: 160 },
] as const

export function priceTable(priced: readonly Priced[]): string {
  return table(
    columns,
    priced.map(({ provider, model, quote }) => {
      const rates = quote.rates(1)
      return [
        ...[model, provider, quote.status],
        ...[usd(rates.input), usd(rates.cache_read), usd(rates.output)],
        otherIn(quote),
        quote.versionId ?? '—',
      ]
    }),
  )
}

function usd(nano: number | undefined): string {
  return nano === undefined ? '—' : `$${usdFromNano(nano)}`
}

/** What a part costs where nobody says otherwise; then it does not need a word. */
const neighbours: Readonly<Partial<Record<Part, readonly Part[]>>> = {
  cache_write_5m: ['input'],
  cache_write_1h: ['cache_write_5m'],
  input_audio: ['input'],
  cache_read_audio: ['input_audio', 'cache_read'],
  input_image: ['input'],
  reasoning: ['output'],
  output_audio: ['output'],
  output_image: ['output'],
}
const shown: readonly string[] = ['input', 'cache_read', 'output']

/** Input tokens of a call that is beyond every threshold. */
const longest = Number.MAX_SAFE_INTEGER

function otherIn(quote: Quote): string {
  const rates = quote.rates(1)
  const others = Object.entries(rates).filter(([name, rate]) => {
    const likely = neighbours[name as Part] ?? []
    return !shown.includes(name) && !likely.some((part) => rates[part] === rate)
  })
  const words = ratesInWords(Object.fromEntries(others))
  const long = differing(quote.rates(longest), rates)
  return [words, long && `long prompts: ${long}`].filter((text) => text !== '').join('; ')
}

function differing(rates: Rates, from: Rates): string {
  const parts = Object.entries(rates).filter(([name, rate]) => shown.includes(name) && from[name as Part] !== rate)
  return ratesInWords(Object.fromEntries(parts))
}

export function priceDocument({ provider, model, quote }: Priced) {
  const [base, long] = [quote.rates(1), quote.rates(longest)]
  return {
    model,
    provider,
    status: quote.status,
    version: quote.versionId ?? null,
    usd_per_million: ratesInUsd(base),
    usd_per_million_of_longest_prompts: long === base ? null : ratesInUsd(long),
  }
}
