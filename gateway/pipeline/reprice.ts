import { type ChargePolicy, chargeOf } from '../domain/charge.ts'
import { costOf } from '../domain/cost.ts'
import { timeOf } from '../domain/id.ts'
import { nanoUsd } from '../domain/money.ts'
import type { PricedRow } from '../domain/priced-row.ts'
import type { RowFlag } from '../domain/usage-row.ts'
import type { PriceBook } from '../prices/price-book.ts'

/**
 * Prices a row again by the usage it has: an orphan's, whose process died after it was priced by its input alone, or any
 * once prices were corrected. It is charged what it is known to have used.
 */
export function reprice<Row extends PricedRow>(row: Row, prices: PriceBook, policy: ChargePolicy): Row {
  const { provider, model, parts, status, usage_source: usageSource, provider_cost_nano_usd: stated } = row
  if (provider === undefined || model === undefined || parts === undefined) return row
  const quote = prices.quote({
    provider,
    model,
    served: servedModel(row),
    tier: row.service_tier,
    at: timeOf(row.id),
    connection: row.connection_id,
    org: row.org_id,
  })
  const rates = quote.rates(row.input_tokens ?? 0)
  // No provider states it: it is there because the price that held had a fee for each call.
  const { requests, ...used } = parts
  const usage = rates.requests === undefined ? used : { ...used, requests: 1 }
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
    flags: flagsOf(row.flags, quote.status === 'default'),
  }
}

/** What served the call, if its price was found by that: a row keeps no other word of it. */
function servedModel({ price_version_id: version }: PricedRow): string | undefined {
  return version?.replace(/^(?:prc_\w{26}:?)+/, '').match(/^(.+)@/)?.[1]
}

function flagsOf(flags: readonly RowFlag[] = [], byDefault: boolean): readonly RowFlag[] | undefined {
  const others = flags.filter((flag) => flag !== 'default_price')
  const all: readonly RowFlag[] = byDefault ? [...others, 'default_price'] : others
  return all.length > 0 ? all : undefined
}
