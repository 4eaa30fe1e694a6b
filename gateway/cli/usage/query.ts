import { parseArgs } from 'node:util'
import { defineCommand } from 'citty'
import { systemClock } from '../../domain/clock.ts'
import { Fault } from '../../domain/fault.ts'
import { presetNames, type Range, rangeIn } from '../../http/range.ts'
import { type Dimension, dimensions, isDimension } from '../../ledger/query/dimensions.ts'
import { filterOf } from '../../ledger/query/filter-words.ts'
import type { Filter } from '../../ledger/query/filters.ts'
import { type Metric, metricNames } from '../../ledger/query/metrics.ts'
import { intervals, TooManyPoints } from '../../ledger/query/time-buckets.ts'
import { type UsageAnswer, usageSums } from '../../ledger/query/usage-sums.ts'
import { everyOrg } from '../../ledger/roles.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, exits, note, print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { withLedger } from '../visit.ts'
import { csvOf, documentOf, tableOf } from './answer.ts'

const shortNames: Readonly<Record<string, Metric>> = { cost: 'cost_usd', charge: 'charge_usd', tokens: 'tokens_total' }

const page = 'admin-ui/docs/usage-queries.md'

/** `tollgate usage query` */
export const queryUsage = defineCommand({
  meta: {
    description: 'Adds up usage: which numbers, of which rows, by what, in which intervals',
    examples: [
      'tollgate usage query --metric cost,requests --group-by provider,model --range 30d',
      'tollgate usage query --metric tokens,latency_p95_ms --interval day --tz Europe/Berlin --filter status:!refused --csv',
    ],
  },
  args: {
    metric: {
      type: 'string',
      valueHint: 'names',
      default: 'requests,tokens_total,cost_usd',
      description: `With commas: requests, tokens, cost, charge, latency_p95_ms …; ${page} has all ${metricNames.length}`,
    },
    'group-by': {
      type: 'string',
      valueHint: 'names',
      description: `Three at most: provider, model, key, user, status, metadata.<key> …; ${page} has all`,
    },
    filter: {
      type: 'string',
      valueHint: 'dim:v1,v2…',
      description: 'Only these; dim:!v all but that, dim:~v a part, dim: none',
    },
    range: { type: 'string', valueHint: 'name', description: `30d unless said otherwise; ${presetNames.join(', ')}` },
    from: { type: 'string', valueHint: 'time', description: 'Instead of a range: 2026-11-01, or 2026-11-01T09:00:00Z' },
    to: { type: 'string', valueHint: 'time', description: 'Up to before this; without it, now' },
    interval: { type: 'enum', options: [...intervals], valueHint: 'name', description: intervals.join(', ') },
    tz: { type: 'string', valueHint: 'zone', description: "Whose days are meant; without it TOLLGATE_TIMEZONE's" },
    json: jsonOption,
    csv: { type: 'boolean', description: 'Comma-separated, with exact numbers' },
  },
  run: async ({ args, rawArgs }) => {
    const configuration = readConfiguration()
    const metrics = metricsOf(args.metric)
    const groupBy = groupByOf(args['group-by'])
    const filters = filtersIn(rawArgs)
    const now = systemClock.now()
    const range = rangeOf(
      { range: args.range, from: args.from, to: args.to, tz: args.tz ?? configuration.timezone },
      now,
    )
    const interval = intervals.find((name) => name === args.interval)
    const question = { ...range, scope: everyOrg, metrics, filters, groupBy, interval, now }
    const answer = await withLedger(configuration, (database) => answered(usageSums(database, question)))
    const shown = { answer, metrics, groupBy, interval, range }
    if (args.json) return printJson(documentOf(shown))
    if (args.csv) return print(csvOf(shown))
    print(tableOf(shown))
    for (const each of answer.notes) note(each)
  },
})

async function answered<M extends Metric>(answer: Promise<UsageAnswer<M>>): Promise<UsageAnswer<M>> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof TooManyPoints)) throw error
    throw new CommandFailure(exits.wrongUse, error.message, {
      fix: 'a shorter --range, a longer --interval, or a --filter',
    })
  }
}

function metricsOf(text: string): readonly Metric[] {
  return text.split(',').map((name) => {
    const metric = metricNames.find((each) => each === (shortNames[name] ?? name))
    if (metric) return metric
    throw wrong(`there is no metric ${JSON.stringify(name)}`, `one of ${metricNames.join(', ')}`)
  })
}

function groupByOf(text: string | undefined): readonly Dimension[] {
  const names = text === undefined ? [] : text.split(',')
  if (names.length > 3) throw wrong('usage is broken down by three dimensions at most', 'leave some away')
  return names.map((name) => {
    if (isDimension(name)) return name
    throw wrong(`there is no dimension ${JSON.stringify(name)}`, `one of ${dimensions.join(', ')}, metadata.<key>`)
  })
}

// citty keeps the last of several.
function filtersIn(rawArgs: readonly string[]): readonly Filter[] {
  const options = { filter: { type: 'string', multiple: true } } as const
  const { values } = parseArgs({ args: [...rawArgs], options, strict: false, allowPositionals: true })
  return (values.filter ?? []).filter((each) => typeof each === 'string').map(filterFrom)
}

function filterFrom(text: string): Filter {
  const filter = filterOf(text)
  if (filter) return filter
  throw wrong(
    `${JSON.stringify(text)} is no filter`,
    'it looks like status:failed,truncated; by the dimensions of --group-by',
  )
}

/** A range as the API has it, with its words of refusal. */
export function rangeOf(
  options: Readonly<Record<'range' | 'from' | 'to' | 'tz', string | undefined>>,
  now: number,
): Range {
  const given = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  try {
    return rangeIn(Object.fromEntries(given), now)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw wrong(error.message, 'tollgate usage query --help lists what it takes')
  }
}

function wrong(what: string, fix: string): CommandFailure {
  return new CommandFailure(exits.wrongUse, what, { fix })
}
