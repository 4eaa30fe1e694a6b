import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { dayMs } from '../../domain/day.ts'
import { listOverrides } from '../../ledger/configured/price-overrides.ts'
import { unpricedSince } from '../../ledger/unpriced.ts'
import { count, counted, fewOf } from '../format.ts'
import { pricesHere } from '../prices-here.ts'
import { hasLedger, withLedger } from '../visit.ts'
import { type Check, failed, ok, warning, wordsOf } from './check.ts'

const days = 30
const fix = 'they cost settings.default_price_usd_per_mtok, if anything; tollgate prices set gives them a price'

/**
 * Whether what is used has a price: every model that is declared by its name, and what rows of the last days say. What
 * patterns will let in cannot be known.
 */
export async function checkPrices(configuration: Configuration): Promise<Check> {
  try {
    const { overrides, unpriced } = await looked(configuration)
    const { book } = pricesHere(configuration, overrides)
    const at = systemClock.now()
    const named = configuration.declared.connections.flatMap(({ id, provider, models }) =>
      models
        .map(({ pattern, upstream }) => upstream ?? pattern)
        .filter((model) => !model.includes('*'))
        .map((model) => ({ id, model, status: book.quote({ provider, model, at, connection: id }).status })),
    )
    const without = named.filter(({ status }) => status === 'default' || status === 'missing')
    const rows = unpriced.reduce((sum, each) => sum + each.rows, 0)
    const found = [
      ...(without.length > 0 ? [`none for ${without.map(({ id, model }) => `${model} (${id})`).join(', ')}`] : []),
      ...(rows > 0
        ? [
            `none of their own for ${count(rows)} rows of ${days} days: ${fewOf([...new Set(unpriced.map(({ model }) => model))])}`,
          ]
        : []),
    ]
    if (found.length > 0) return warning('prices', found.join('\n'), fix)
    return ok(
      'prices',
      named.length === 0
        ? 'no model is declared by its name'
        : `for all of ${counted(named.length, 'model')} declared by name`,
    )
  } catch (error) {
    return failed('prices', wordsOf(error), 'restore the folder pricing/ of this release')
  }
}

/** What the ledger knows. One that does not answer has a check of its own. */
async function looked(configuration: Configuration) {
  const nothing = { overrides: [], unpriced: [] }
  if (!hasLedger(configuration)) return nothing
  return withLedger(configuration, async (database) => ({
    overrides: await listOverrides(database),
    unpriced: await unpricedSince(database, systemClock.now() - days * dayMs),
  })).catch(() => nothing)
}
