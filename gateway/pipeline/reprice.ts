import { type ChargePolicy, chargeOf } from '../domain/charge.ts'
import { costOf } from '../domain/cost.ts'
import { timeOf } from '../domain/id.ts'
import { nanoUsd } from '../domain/money.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { PriceBook } from '../prices/price-book.ts'

/**
 * Prices a row again by the usage it has: an orphan's, whose process died after it was priced by its input alone. It is
 * charged what it is known to have used.
 */
export function reprice(row: UsageRow, prices: PriceBook, policy: ChargePolicy): UsageRow {
  const { provider, model, parts, status, usage_source: usageSource, provider_cost_nano_usd: stated } = row
  if (provider === undefined || model === undefined || parts === undefined) return row
  const quote = prices.quote(provider, model, row.service_tier, timeOf(row.id))
  const rates = quote.rates(row.input_tokens ?? 0)
  const usage = rates.requests === undefined ? parts : { ...parts, requests: 1 }
  const { cost: sum, missing } = costOf(usage, rates)
  const unpriced = missing.length > 0 || quote.status === 'missing'
  const cost = unpriced ? undefined : sum
  const providerCost = stated === undefined ? undefined : nanoUsd(stated)
  return {
    ...row,
    parts: usage,
    cost_nano_usd: cost,
    charge_nano_usd: chargeOf({ status, usageSource, cost, providerCost }, policy),
    rates,
    price_status: unpriced ? 'missing' : quote.status,
    price_version_id: quote.versionId,
  }
}
