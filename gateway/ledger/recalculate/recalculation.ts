import { isDeepStrictEqual } from 'node:util'
import { type PricedRow, pricedColumns } from '../../domain/priced-row.ts'

/** What became, or would become, of the rows of one model at one provider. */
export interface ModelMoved {
  readonly provider: string
  readonly model: string
  /** Rows that were looked at, and those of them that change. */
  readonly rows: number
  readonly changed: number
  readonly before: Money
  readonly after: Money
}

/** Sums in nano-dollars over the rows that know it, and how many rows do not know what they cost. */
export interface Money {
  readonly cost: bigint
  readonly charge: bigint
  readonly unpriced: number
}

export interface Recalculation {
  /** By model and provider. */
  readonly models: readonly ModelMoved[]
  readonly rows: number
  readonly changed: number
  readonly before: Money
  readonly after: Money
  /** It was told to end, and rows were left. */
  readonly interrupted: boolean
}

/** A row as it was, and at the prices of now. */
export interface PricedAgain {
  readonly before: PricedRow
  readonly after: PricedRow
  readonly differs: boolean
}

export function pricedAgain(before: PricedRow, after: PricedRow): PricedAgain {
  const differs = pricedColumns.some((column) => {
    const nothing = column === 'flags' ? [] : undefined
    return !isDeepStrictEqual(before[column] ?? nothing, after[column] ?? nothing)
  })
  return { before, after, differs }
}

const noMoney: Money = { cost: 0n, charge: 0n, unpriced: 0 }

/** Adds up what becomes of rows, as they come. */
export function tally() {
  const models = new Map<string, ModelMoved>()
  return {
    moved: ({ before, after, differs }: PricedAgain): void => {
      const { provider = '', model = '' } = before
      const key = JSON.stringify([model, provider])
      const known = models.get(key) ?? { provider, model, rows: 0, changed: 0, before: noMoney, after: noMoney }
      models.set(key, {
        ...known,
        rows: known.rows + 1,
        changed: known.changed + (differs ? 1 : 0),
        before: added(known.before, moneyOf(before)),
        after: added(known.after, moneyOf(after)),
      })
    },
    total: (interrupted: boolean): Recalculation => {
      const each = [...models].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
      return {
        models: each,
        rows: each.reduce((sum, { rows }) => sum + rows, 0),
        changed: each.reduce((sum, { changed }) => sum + changed, 0),
        before: each.map(({ before }) => before).reduce(added, noMoney),
        after: each.map(({ after }) => after).reduce(added, noMoney),
        interrupted,
      }
    },
  }
}

function moneyOf({ cost_nano_usd: cost, charge_nano_usd: charge }: PricedRow): Money {
  return { cost: BigInt(cost ?? 0), charge: BigInt(charge ?? 0), unpriced: cost === undefined ? 1 : 0 }
}

function added(a: Money, b: Money): Money {
  return { cost: a.cost + b.cost, charge: a.charge + b.charge, unpriced: a.unpriced + b.unpriced }
}
