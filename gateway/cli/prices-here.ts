import { root } from '../assemble-ledger.ts'
import type { Configuration } from '../config.ts'
import type { PriceOverride } from '../domain/price-override.ts'
import { openPriceBook } from '../prices/open-price-book.ts'
import { openOverrides } from '../prices/overrides.ts'
import type { PriceBook } from '../prices/price-book.ts'
import { type Pricing, readPricing } from '../prices/read-pricing.ts'

/** The prices that a gateway here has, or would have. */
export interface PricesHere {
  readonly pricing: Pricing
  /** The list with the overrides laid over it. */
  readonly book: PriceBook
}

export function pricesHere({ declared }: Configuration, overrides: readonly PriceOverride[]): PricesHere {
  const pricing = readPricing(new URL('pricing/', root))
  const listed = openPriceBook(pricing, { defaultPerMtok: declared.settings.defaultPricePerMtok })
  return { pricing, book: openOverrides(listed, overrides) }
}
