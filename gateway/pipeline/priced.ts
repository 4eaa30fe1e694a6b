import { type ChargePolicy, chargeOf } from '../domain/charge.ts'
import { costOf } from '../domain/cost.ts'
import type { NanoUsd } from '../domain/money.ts'
import type { Usage, UsageSource } from '../domain/usage.ts'
import type { PriceStatus, RowStatus } from '../domain/usage-row.ts'
import type { PriceBook, PriceQuestion, Rates } from '../prices/price-book.ts'

/** What an attempt's price follows from: all of it stands in its row. */
export interface Used {
  readonly question: PriceQuestion
  readonly usage: Usage
  /** Inclusive; `undefined`: not known. */
  readonly inputTokens: number | undefined
  readonly status: RowStatus
  readonly usageSource: UsageSource
  /** What the provider stated that it cost, where it did. */
  readonly providerCost: NanoUsd | undefined
}

/** An amount that is `undefined` is unknown, not nothing. */
export interface Priced {
  /** With the part that a fee for each call is for. */
  readonly usage: Usage
  readonly cost: NanoUsd | undefined
  readonly charge: NanoUsd | undefined
  readonly status: PriceStatus
  readonly versionId: string | undefined
  readonly rates: Rates
  readonly byDefault: boolean
}

/** Puts a price on usage: on the call's own path, and whenever its row is priced again. */
export function priced(
  { question, usage: stated, inputTokens, status, usageSource, providerCost }: Used,
  prices: PriceBook,
  policy: ChargePolicy,
): Priced {
  const quote = prices.quote(question)
  const rates = quote.rates(inputTokens ?? 0)
  // No provider states it: it is there because the price that held had a fee for each call.
  const { requests, ...used } = stated
  const usage = rates.requests === undefined ? used : { ...used, requests: 1 }
  const { cost: sum, missing } = costOf(usage, rates)
  const unpriced = missing.length > 0 || quote.status === 'missing'
  const cost = unpriced ? undefined : sum
  return {
    usage,
    cost,
    charge: chargeOf({ status, usageSource, cost, providerCost }, policy),
    status: unpriced ? 'missing' : quote.status,
    versionId: quote.versionId,
    rates,
    byDefault: quote.status === 'default',
  }
}
