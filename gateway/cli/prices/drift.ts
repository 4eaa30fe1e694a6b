import { defineCommand } from 'citty'
import { systemClock } from '../../domain/clock.ts'
import { dayMs } from '../../domain/day.ts'
import { usdFromNano } from '../../domain/money.ts'
import { type Drift, driftOf } from '../../ledger/drift.ts'
import { count, percent } from '../format.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, exits, note, print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'
import { table } from '../table.ts'
import { withLedger } from '../visit.ts'

const daysMax = 1_100

/** `tollgate prices drift` */
export const drift = defineCommand({
  meta: {
    description: 'Compares what providers say that calls cost with what our prices make of the same calls',
    examples: ['tollgate prices drift', 'tollgate prices drift --range 7d --json'],
  },
  args: {
    range: {
      type: 'string',
      valueHint: 'days',
      default: '30d',
      description: 'So many days (UTC), today among them; 30d unless said otherwise',
    },
    json: jsonOption,
  },
  run: async ({ args }) => {
    const days = daysIn(args.range)
    const now = systemClock.now()
    const range = { from: now - (days - 1) * dayMs, to: now }
    const found = await withLedger(readConfiguration(), (database) => driftOf(database, range))
    if (args.json) return printJson({ days, drift: found.map(documentOf) })
    if (found.length > 0) print(table(columns, found.map(cellsOf)))
    else note(`No provider stated a cost in the last ${days} days.`)
  },
})

function daysIn(text: string): number {
  const days = /^\d{1,4}d$/.test(text) ? Number.parseInt(text, 10) : 0
  if (days >= 1 && days <= daysMax) return days
  throw new CommandFailure(exits.wrongUse, `--range wants days, 1d to ${daysMax}d, and got ${JSON.stringify(text)}`)
}

const columns = [
  { head: 'CONNECTION' },
  { head: 'PROVIDER' },
  { head: 'MODEL' },
  { head: 'STATED', align: 'right' },
  { head: 'ROWS', align: 'right' },
  { head: 'COMPARED', align: 'right' },
  { head: 'DRIFT', align: 'right' },
  { head: 'SHARE', align: 'right' },
] as const

function cellsOf(each: Drift): readonly string[] {
  const share = shareOf(each)
  return [
    ...[each.connection, each.provider, each.model],
    ...[`$${usdFromNano(each.statedNanoUsd)}`, count(each.stated), count(each.compared)],
    ...[each.compared === 0 ? '—' : signed(each.driftNanoUsd), share === undefined ? '—' : percentOf(share)],
  ]
}

function signed(nano: bigint): string {
  return `${nano > 0n ? '+' : nano < 0n ? '−' : ''}$${usdFromNano(nano < 0n ? -nano : nano)}`
}

function percentOf(share: number): string {
  return `${share > 0 ? '+' : share < 0 ? '−' : ''}${percent(Math.abs(share))}`
}

/** Of what our prices make of them; unknown where some of the rows have no price. */
function shareOf({ stated, compared, statedNanoUsd, driftNanoUsd }: Drift): number | undefined {
  const ours = statedNanoUsd - driftNanoUsd
  return stated === compared && ours > 0n ? Number(driftNanoUsd) / Number(ours) : undefined
}

function documentOf(each: Drift) {
  return {
    ...{ connection: each.connection, provider: each.provider, model: each.model },
    stated_rows: each.stated,
    stated_usd: usdFromNano(each.statedNanoUsd),
    compared_rows: each.compared,
    drift_usd: each.compared === 0 ? null : usdFromNano(each.driftNanoUsd),
    drift_share: shareOf(each) ?? null,
  }
}
