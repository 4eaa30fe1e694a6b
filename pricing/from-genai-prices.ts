import type { ConditionalPrice, MatchLogic, ModelInfo, ModelPrice, Provider } from '@pydantic/genai-prices'
import { divideHalfUp, nanoFromUsd, usdFromNano } from '../gateway/domain/money.ts'
import { type Part, parts } from '../gateway/domain/usage.ts'
import type { Match, ModelRecord, PriceEntry, PricingFile, StatedRates } from '../gateway/prices/pricing-file.ts'

/** What a price of theirs is of ours: the part, and how a price per their unit becomes one per million of ours. */
const rateOf: Readonly<Record<string, { readonly part: Part; readonly times?: bigint; readonly per?: bigint }>> = {
  input_mtok: { part: 'input' },
  cache_read_mtok: { part: 'cache_read' },
  cache_write_mtok: { part: 'cache_write_5m' },
  cache_write_5m_mtok: { part: 'cache_write_5m' },
  cache_write_1h_mtok: { part: 'cache_write_1h' },
  input_audio_mtok: { part: 'input_audio' },
  cache_audio_read_mtok: { part: 'cache_read_audio' },
  input_image_mtok: { part: 'input_image' },
  output_mtok: { part: 'output' },
  output_reasoning_mtok: { part: 'reasoning' },
  output_audio_mtok: { part: 'output_audio' },
  output_image_mtok: { part: 'output_image' },
  audio_hours: { part: 'seconds', times: 1_000_000n, per: 3600n },
  input_audio_hours: { part: 'seconds', times: 1_000_000n, per: 3600n },
  input_mchars: { part: 'characters' },
  web_searches_kcount: { part: 'searches', times: 1000n },
  requests_kcount: { part: 'requests', times: 1000n },
}

/** Resellers under a flat subscription or behind another router: nobody is billed these prices for an API call. */
const leftOut = /^(cursor|github-copilot|huggingface_.*)$/

/** Names that are free of charge where no price is stated. Any other model without a price is unpriced, not free. */
const freeNames = /:free$|^moderation$|^gemma-/

export interface Translated {
  readonly files: readonly PricingFile[]
  /** Kinds of prices that no part of a usage stands for, and how many models state them. */
  readonly omitted: Readonly<Record<string, number>>
  readonly leftOut: readonly string[]
}

/** Their providers as files of ours, every date from which a price differs as an entry. */
export function translate(providers: readonly Provider[]): Translated {
  const omitted: Record<string, number> = {}
  const kept = providers.filter((provider) => !leftOut.test(provider.id))
  const files = kept.map((provider): PricingFile => {
    const maker = provider.model_match && translateMatch(provider.model_match)
    return {
      provider: provider.id,
      name: provider.name,
      source: '@pydantic/genai-prices',
      ...(maker && { model_match: maker }),
      models: provider.models.map((model) => translateModel(model, omitted)),
    }
  })
  return {
    files,
    omitted: Object.fromEntries(Object.entries(omitted).sort(([a], [b]) => (a < b ? -1 : 1))),
    leftOut: providers.filter((provider) => leftOut.test(provider.id)).map((provider) => provider.id),
  }
}

function translateModel(model: ModelInfo, omitted: Record<string, number>): ModelRecord {
  const { aliases, match } = splitMatch(model)
  const stated = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]
  for (const key of new Set(stated.flatMap(({ prices }) => Object.keys(prices)))) {
    if (!rateOf[key]) omitted[key] = (omitted[key] ?? 0) + 1
  }
  return {
    id: model.id,
    ...(aliases.length > 0 && { aliases }),
    ...(match && { match }),
    ...(model.context_window !== undefined && { context_window: model.context_window }),
    prices: entriesOf(model.id, stated),
  }
}

// Whole names become aliases, which are looked up; only what has to be tried stays a matcher.
function splitMatch(model: ModelInfo): { aliases: string[]; match: Match | undefined } {
  const choices = 'or' in model.match ? model.match.or : [model.match]
  const aliases: string[] = []
  const rest: Match[] = []
  for (const choice of choices) {
    if (!('equals' in choice)) rest.push(translateMatch(choice))
    else if (choice.equals.toLowerCase() !== model.id.toLowerCase()) aliases.push(choice.equals)
  }
  return { aliases, match: rest.length > 1 ? { or: rest } : rest[0] }
}

function translateMatch(match: MatchLogic): Match {
  if ('or' in match) return { or: match.or.map(translateMatch) }
  if ('and' in match) return { and: match.and.map(translateMatch) }
  return match
}

// Theirs is a list of which the last condition that holds decides; ours is by date, and under it by time of the day.
// Times of the day belong to the date they follow. Read to the letter they would hold before that date as well, and
// DeepSeek's peak prices of August 2026 would have been due in July.
function entriesOf(id: string, stated: readonly ConditionalPrice[]): PriceEntry[] {
  return stated.flatMap(({ constraint, prices }, index): PriceEntry[] => {
    if (constraint?.type === 'time_of_date') return []
    const hours = []
    for (const later of stated.slice(index + 1)) {
      if (later.constraint?.type !== 'time_of_date') break
      const { start_time, end_time } = later.constraint
      hours.push({ from: utcTime(id, start_time), to: utcTime(id, end_time), ...priceOf(id, later.prices) })
    }
    const from = constraint?.start_date
    return [
      {
        version: from ?? '',
        ...(from !== undefined && { effective_from: from }),
        ...priceOf(id, prices),
        ...(hours.length > 0 && { hours }),
      },
    ]
  })
}

function utcTime(id: string, time: string): string {
  const match = /^(\d\d:\d\d):00Z$/.exec(time)
  if (!match?.[1]) throw new Error(`${id}: a price starts or ends at ${time}, which is no whole minute in UTC`)
  return match[1]
}

function priceOf(id: string, prices: ModelPrice): Pick<PriceEntry, 'rates' | 'tiers'> {
  if (Object.keys(prices).length === 0) return { rates: freeNames.test(id) ? { input: '0', output: '0' } : {} }
  const rates: StatedRates = {}
  const tiers = new Map<number, StatedRates>()
  for (const [key, price] of Object.entries(prices)) {
    const to = rateOf[key]
    if (!to || price === undefined) continue
    rates[to.part] = usdPerMillion(typeof price === 'number' ? price : price.base, to)
    for (const tier of typeof price === 'number' ? [] : price.tiers) {
      const above = tiers.get(tier.start) ?? {}
      tiers.set(tier.start, { ...above, [to.part]: usdPerMillion(tier.price, to) })
    }
  }
  const ascending = [...tiers].sort(([a], [b]) => a - b)
  return {
    rates: inOrder(rates),
    ...(ascending.length > 0 && {
      tiers: ascending.map(([above, differing]) => ({ above_input_tokens: above, rates: inOrder(differing) })),
    }),
  }
}

// One order for all, whatever theirs is: a file must not differ where no price does.
function inOrder(rates: StatedRates): StatedRates {
  return Object.fromEntries(parts.flatMap((part) => (rates[part] === undefined ? [] : [[part, rates[part]]])))
}

function usdPerMillion(price: number, { times = 1n, per = 1n }: { times?: bigint; per?: bigint }): string {
  return usdFromNano(divideHalfUp(nanoFromUsd(String(price), times), per))
}
