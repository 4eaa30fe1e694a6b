import { costOf } from '../domain/cost.ts'
import { timeOf } from '../domain/id.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { PriceBook } from '../prices/price-book.ts'

/**
 * Prices a row again by the usage it has: an orphan's, whose process died after it was priced by its input alone. A
 * broken call is charged what it is known to have used.
 */
export function reprice(row: UsageRow, prices: PriceBook): UsageRow {
  const { provider, model, parts } = row
  if (provider === undefined || model === undefined || parts === undefined) return row
  const quote = prices.quote(provider, model, row.service_tier, timeOf(row.id))
  const rates = quote.rates(row.input_tokens ?? 0)
  const { cost, missing } = costOf(parts, rates)
  if (missing.length > 0) {
    return { ...row, cost_nano_usd: undefined, charge_nano_usd: undefined, price_status: 'missing' }
  }
  return { ...row, cost_nano_usd: cost, charge_nano_usd: cost, rates, price_status: quote.status }
}
