import { root } from '../../assemble-ledger.ts'
import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { openPriceBook } from '../../prices/open-price-book.ts'
import { readPricing } from '../../prices/read-pricing.ts'
import { counted } from '../format.ts'
import { type Check, failed, ok, warning, wordsOf } from './check.ts'

/** Whether every model that is declared by its name has a price. What patterns will let in cannot be known. */
export function checkPrices({ declared }: Configuration): Check {
  try {
    const { connections, settings } = declared
    const book = openPriceBook(readPricing(new URL('pricing/', root)), { defaultPerMtok: settings.defaultPricePerMtok })
    const now = systemClock.now()
    const named = connections.flatMap(({ id, provider, models }) =>
      models
        .map(({ pattern, upstream }) => upstream ?? pattern)
        .filter((model) => !model.includes('*'))
        .map((model) => ({ id, model, status: book.quote({ provider, model, at: now }).status })),
    )
    const unpriced = named.filter(({ status }) => status === 'default' || status === 'missing')
    if (named.length === 0) return ok('prices', 'no model is declared by its name')
    if (unpriced.length === 0) return ok('prices', `for all of ${counted(named.length, 'model')} declared by name`)
    const found = `none for ${unpriced.map(({ id, model }) => `${model} (${id})`).join(', ')}`
    return warning(
      'prices',
      found,
      'they cost settings.default_price_usd_per_mtok; pricing/README.md says how to add one',
    )
  } catch (error) {
    return failed('prices', wordsOf(error), 'restore the folder pricing/ of this release')
  }
}
