import { defineCommand } from 'citty'
import type { LoadedConfiguration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { listOverrides } from '../../ledger/configured/price-overrides.ts'
import { instantOf } from '../instant.ts'
import { noConnection } from '../no-connection.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, exits, note, print, printJson } from '../output.ts'
import { pricesHere } from '../prices-here.ts'
import { readConfiguration } from '../read-configuration.ts'
import { hasLedger, withLedger } from '../visit.ts'
import { providersByConnection } from './line.ts'
import { type Priced, priceDocument, priceTable } from './priced.ts'
import { showUnpriced } from './unpriced.ts'

/** `tollgate prices show` */
export const show = defineCommand({
  meta: {
    description:
      'Shows what a model costs, or all that the providers of your connections sell; dollars per million tokens',
    examples: ['tollgate prices show gpt-4o-mini', 'tollgate prices show --unpriced'],
  },
  args: {
    model: { type: 'positional', required: false, valueHint: 'model', description: 'The model, by any of its names' },
    provider: { type: 'string', valueHint: 'id', description: 'Only at this provider' },
    connection: { type: 'string', valueHint: 'id', description: 'As calls through this connection pay' },
    org: { type: 'string', valueHint: 'id', description: 'As calls of this organisation pay' },
    at: { type: 'string', valueHint: 'date', description: 'As it was or will be then (in TOLLGATE_TIMEZONE)' },
    unpriced: { type: 'boolean', description: 'The models of the last 30 days that have no price of their own' },
    json: jsonOption,
  },
  run: async ({ args }) => {
    const configuration = readConfiguration()
    if (args.unpriced) return showUnpriced(configuration, args)
    const at = args.at === undefined ? systemClock.now() : instantOf('at', args.at, configuration.timezone)
    const priced = await pricedHere({ ...args, at }, configuration)
    if (priced.length === 0 && args.model !== undefined) throw unknown(args.model)
    if (args.json) return printJson({ at: new Date(at).toISOString(), prices: priced.map(priceDocument) })
    if (priced.length > 0) print(priceTable(priced))
    else note('No price list knows a model of these providers.')
  },
})

interface Asked {
  readonly model?: string | undefined
  readonly provider?: string | undefined
  readonly connection?: string | undefined
  readonly org?: string | undefined
  readonly at: number
}

async function pricedHere(asked: Asked, configuration: LoadedConfiguration): Promise<readonly Priced[]> {
  const { model, provider, connection, org, at } = asked
  // Before the first start there are no prices of one's own, and the list is there all the same.
  const { overrides, connections } = hasLedger(configuration)
    ? await withLedger(configuration, async (database) => ({
        overrides: await listOverrides(database),
        connections: await providersByConnection(configuration, database),
      }))
    : { overrides: [], connections: await providersByConnection(configuration, undefined) }
  if (connection !== undefined && !connections.has(connection)) throw noConnection(connection)
  const { pricing, book } = pricesHere(configuration, overrides)
  const own = connection === undefined ? [...connections.values()] : [connections.get(connection) ?? '']
  const selling = [...pricing.lists.keys()].filter((id) => model !== undefined && book.models(id, at).includes(model))
  // Whoever has connections wants to know what they cost; other sellers are for those who have none of it yet.
  const quoted = (ids: readonly string[]) =>
    [...new Set(ids)]
      .filter((id) => provider === undefined || id === provider)
      .toSorted()
      .flatMap((id) =>
        (model === undefined ? book.models(id, at) : [model]).map((name) => ({ provider: id, model: name })),
      )
      .map((each) => ({ ...each, quote: book.quote({ ...each, at, connection, org }) }))
      .filter(({ quote }) => quote.status !== 'default')
  const here = quoted(provider === undefined ? own : [provider])
  return here.length > 0 || connection !== undefined ? here : quoted(selling)
}

function unknown(model: string): CommandFailure {
  return new CommandFailure(exits.notFound, `no price is known for ${JSON.stringify(model)}`, {
    why: 'calls to it cost settings.default_price_usd_per_mtok, and their rows say so',
    fix: `tollgate prices set --model ${model} --global --input <usd> --output <usd>`,
  })
}
