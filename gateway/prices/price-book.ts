import type { Part } from '../domain/usage.ts'
import type { PriceStatus } from '../domain/usage-row.ts'

/** The price of one model at one provider at one time. Never absent: `status` says how sure it is. */
export interface Quote {
  readonly status: PriceStatus
  /** Names the price entry that was used, for good: `openai/gpt-4o-mini@2024-07-18`. Absent where none was. */
  readonly versionId: string | undefined
  /** Nano-dollars per million units of each part, whole, for a call of `inputTokens` inclusive input tokens. */
  rates(inputTokens: number): Rates
}

export type Rates = Readonly<Partial<Record<Part, number>>>

export interface PriceBook {
  /** `tier` is the service tier the answer was served at, `at` the call's start (milliseconds since the epoch). */
  quote(provider: string, model: string, tier: string | undefined, at: number): Quote
  /** The model's own limits, where the catalogue knows them. */
  bounds(provider: string, model: string): ModelBounds
}

export interface ModelBounds {
  readonly contextWindow: number | undefined
  readonly outputTokensMax: number | undefined
}
