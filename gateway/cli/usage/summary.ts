import { defineCommand } from 'citty'
import { systemClock } from '../../domain/clock.ts'
import type { Metric } from '../../ledger/query/metrics.ts'
import { usageSums } from '../../ledger/query/usage-sums.ts'
import { everyOrg } from '../../ledger/roles.ts'
import { jsonOption } from '../options.ts'
import { print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { table } from '../table.ts'
import { withLedger } from '../visit.ts'
import { documentOf, words } from './answer.ts'
import { rangeOf } from './query.ts'

const metrics: readonly Metric[] = [
  'requests',
  'success_rate',
  'tokens_total',
  'charge_usd',
  'unpriced_requests',
  'estimated_requests',
]

const periods = [
  ['today', 'today'],
  ['this week', 'week'],
  ['this month', 'month'],
  ['all time', 'all'],
] as const

/** `tollgate usage summary` */
export const summariseUsage = defineCommand({
  meta: {
    description: 'What was used and charged today, this week, this month, and in all',
    examples: ['tollgate usage summary', 'tollgate usage summary --tz Asia/Kolkata --json'],
  },
  args: {
    tz: { type: 'string', valueHint: 'zone', description: "Whose days are meant; without it TOLLGATE_TIMEZONE's" },
    json: jsonOption,
  },
  run: async ({ args }) => {
    const configuration = readConfiguration()
    const now = systemClock.now()
    const tz = args.tz ?? configuration.timezone
    const ranges = periods.map(([name, range]) => ({
      name,
      range: rangeOf({ range, tz, from: undefined, to: undefined }, now),
    }))
    const sums = await withLedger(configuration, (database) =>
      Promise.all(
        ranges.map(async ({ name, range }) => ({
          name,
          range,
          answer: await usageSums(database, { ...range, scope: everyOrg, metrics, now }),
        })),
      ),
    )
    if (args.json) {
      const told = sums.map(({ name, ...shown }) => [
        name.replaceAll(' ', '_'),
        documentOf({ ...shown, metrics, groupBy: [], interval: undefined }),
      ])
      return printJson(Object.fromEntries(told))
    }
    print(
      table(
        columns,
        sums.map(({ name, answer }) => [name, ...metrics.map((metric) => words(metric, answer.total.values[metric]))]),
      ),
    )
  },
})

const columns = [
  { head: 'PERIOD' },
  { head: 'REQUESTS', align: 'right' },
  { head: 'SUCCESS', align: 'right' },
  { head: 'TOKENS', align: 'right' },
  { head: 'CHARGED', align: 'right' },
  { head: 'UNPRICED', align: 'right' },
  { head: 'ESTIMATED', align: 'right' },
] as const
