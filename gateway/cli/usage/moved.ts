import { usdFromNano } from '../../domain/money.ts'
import type { ModelMoved, Money, Recalculation } from '../../ledger/recalculate/recalculation.ts'
import type { RowsToPrice } from '../../ledger/recalculate/rows-to-price.ts'
import { count, rowsInWords } from '../format.ts'
import { type Exit, exits, note, print, printJson } from '../output.ts'
import { type Column, table } from '../table.ts'

const columns: readonly Column[] = [
  { head: 'MODEL' },
  { head: 'PROVIDER' },
  ...['ROWS', 'CHANGED', 'COST', 'NEW COST', 'CHARGE', 'NEW CHARGE', 'UNPRICED', 'NOW'].map(
    (head): Column => ({ head, align: 'right' }),
  ),
]

/** What becomes of each model's rows. */
export function movedTable({ models }: Recalculation): string {
  return table(
    columns,
    models.map((each) => [
      ...[each.model, each.provider, count(each.rows), count(each.changed)],
      ...[sum(each.before, 'cost', each), sum(each.after, 'cost', each)],
      ...[sum(each.before, 'charge', each), sum(each.after, 'charge', each)],
      ...[count(each.before.unpriced), count(each.after.unpriced)],
    ]),
  )
}

/** A sum of nothing known is unknown. */
function sum(money: Money, of: 'cost' | 'charge', { rows }: Pick<ModelMoved, 'rows'>): string {
  return money[of] === 0n && money.unpriced === rows ? '—' : dollars(money[of])
}

const dollars = (nano: bigint): string => `$${usdFromNano(nano)}`

/** Of all rows together, in words. */
export function differenceIn({ before, after }: Recalculation): string {
  return `cost ${dollars(before.cost)} → ${dollars(after.cost)}, charge ${dollars(before.charge)} → ${dollars(after.charge)}`
}

interface Telling {
  readonly rows: RowsToPrice
  readonly dryRun: boolean
  readonly json: boolean
}

/** Tells what happened, or would; returns the exit code. */
export function tellMoved(result: Recalculation, { rows, dryRun, json }: Telling): Exit {
  if (json) printJson(documentOf(result, rows, dryRun))
  else {
    if (result.models.length > 0) print(movedTable(result))
    const changed = `${count(result.changed)} of ${rowsInWords(result.rows)}`
    note(`${changed} ${dryRun ? 'would change' : 'changed'}: ${differenceIn(result)}.`)
    if (result.after.unpriced > 0) note(`${rowsInWords(result.after.unpriced)} without a price: tollgate prices set`)
    if (result.interrupted) note('Interrupted after a batch; run it again for the rest.')
  }
  return result.interrupted ? exits.interrupted : exits.ok
}

function documentOf(result: Recalculation, { filter, from, to, unpriced }: RowsToPrice, dryRun: boolean) {
  const money = (of: Money) => ({
    cost_usd: usdFromNano(of.cost),
    charge_usd: usdFromNano(of.charge),
    unpriced_rows: of.unpriced,
  })
  const moved = (of: Pick<ModelMoved, 'rows' | 'changed' | 'before' | 'after'>) => ({
    ...{ rows: of.rows, changed: of.changed, before: money(of.before), after: money(of.after) },
  })
  return {
    dry_run: dryRun,
    interrupted: result.interrupted,
    filter: { ...filter, from: new Date(from).toISOString(), to: new Date(to).toISOString(), unpriced },
    ...moved(result),
    models: result.models.map((each) => ({ model: each.model, provider: each.provider, ...moved(each) })),
  }
}
