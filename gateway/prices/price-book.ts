import type { Part } from '../domain/usage.ts'
import type { PriceStatus } from '../domain/usage-row.ts'

/**
 * The price of one model at one provider at one time. Never absent: `status` says how sure it is.
 * `exact`: the model's own id at the provider. `alias`: the model by another name (dated, prefixed, a host's), or at
 * the price of its maker. `default`: an unknown model, or none named. `free`: stated to cost nothing. `missing`: the
 * model is known and its price is not. Of an override that states the price itself: `exact`, or `free`.
 */
export interface Quote {
  readonly status: PriceStatus
  /**
   * Names the price entry that was used, for good: `openai/gpt-4o-mini@2024-07-18`, with `+` and the service tier's
   * entry where that changed it; `prc_…:` before it for each override that was laid over it, the nearest first. Absent
   * where there is neither.
   */
  readonly versionId: string | undefined
  /** Nano-dollars per million units of each part, whole, for a call of `inputTokens` inclusive input tokens. */
  rates(inputTokens: number): Rates
}

/**
 * Whole nano-dollars per million units. A token part that a price does not name has the rate of its neighbour: what is
 * not discounted costs as much as the rest (`cache_read` as `input`, `reasoning` as `output`). Any other part without
 * a rate is unpriced. A rate of `requests` means that each call costs it: who prices a call adds `requests: 1` to the
 * usage where the rate is there.
 */
export type Rates = Readonly<Partial<Record<Part, number>>>

/** What somebody used, where and when. */
export interface PriceQuestion {
  readonly provider: string
  readonly model: string
  /** The model that the answer says served it: what it costs where `model` is a name that nobody sells it by. */
  readonly served?: string | undefined
  /** The service tier that the answer was served at. */
  readonly tier?: string | undefined
  /** When it began, in milliseconds since the epoch. */
  readonly at: number
  /** Whose overrides hold. */
  readonly connection?: string | undefined
  readonly org?: string | undefined
}

export interface PriceBook {
  quote(question: PriceQuestion): Quote
  /** The model's own limits, where the catalogue knows them. */
  bounds(provider: string, model: string): ModelBounds
  /** Names of the models that the provider sells at that time, as far as its own price list knows them: sorted. */
  models(provider: string, at: number): readonly string[]
}

export interface ModelBounds {
  readonly contextWindow: number | undefined
  readonly outputTokensMax: number | undefined
}
