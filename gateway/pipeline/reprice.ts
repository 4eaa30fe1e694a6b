import type { ChargePolicy } from '../domain/charge.ts'
import { timeOf } from '../domain/id.ts'
import { nanoUsd } from '../domain/money.ts'
import type { PricedRow } from '../domain/priced-row.ts'
import type { RowFlag } from '../domain/usage-row.ts'
import type { PriceBook } from '../prices/price-book.ts'
import { priced } from './priced.ts'

/**
 * Prices a row again by the usage it has: an orphan's, whose process died after it was priced by its input alone, or any
 * once prices were corrected. It is charged what it is known to have used.
 */
export function reprice<Row extends PricedRow>(row: Row, prices: PriceBook, policy: ChargePolicy): Row {
  const { provider, model, parts, status, usage_source: usageSource, provider_cost_nano_usd: stated } = row
  if (provider === undefined || model === undefined || parts === undefined) return row
  const question = {
    provider,
    model,
    served: servedModel(row),
    tier: row.service_tier,
    at: timeOf(row.id),
    connection: row.connection_id,
    org: row.org_id,
  }
  const providerCost = stated === undefined ? undefined : nanoUsd(stated)
  const used = { question, usage: parts, inputTokens: row.input_tokens, status, usageSource, providerCost }
  const found = priced(used, prices, policy)
  return {
    ...row,
    parts: found.usage,
    cost_nano_usd: found.cost,
    charge_nano_usd: found.charge,
    rates: found.rates,
    price_status: found.status,
    price_version_id: found.versionId,
    flags: flagsOf(row.flags, found.byDefault),
  }
}

/** What served the call, if its price was found by that: a row keeps no other word of it. */
function servedModel({ price_version_id: version }: PricedRow): string | undefined {
  return version?.replace(/^(?:prc_\w{26}:?)+/, '').match(/^(.+)@/)?.[1]
}

/** In the order they have, so that a row which is right stays as it is. */
function flagsOf(flags: readonly RowFlag[] = [], byDefault: boolean): readonly RowFlag[] | undefined {
  const known = flags.includes('default_price')
  const others = byDefault ? flags : flags.filter((flag) => flag !== 'default_price')
  const all: readonly RowFlag[] = byDefault && !known ? [...others, 'default_price'] : others
  return all.length > 0 ? all : undefined
}
