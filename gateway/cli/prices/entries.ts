import { publicId } from '../../domain/id.ts'
import { usdFromNano } from '../../domain/money.ts'
import { type OverrideLine, overridePrefix, type PriceOverride } from '../../domain/price-override.ts'
import { table } from '../table.ts'
import { ratesInUsd, termsInWords } from './terms.ts'

const columns = [
  { head: 'ID' },
  { head: 'FOR' },
  { head: 'PROVIDER' },
  { head: 'MODEL' },
  { head: 'FROM' },
  { head: 'PRICE', widthMax: 120 },
]

/** An entry that was made, or one that would be. */
export type Entry = Omit<PriceOverride, 'id'> & { readonly id?: string }

export function entryTable(entries: readonly Entry[]): string {
  return table(
    columns,
    entries.map(({ id, line, effectiveFrom, terms }) => [
      id === undefined ? '—' : publicId(overridePrefix, id),
      subjectOf(line),
      line.provider ?? 'any',
      line.model,
      new Date(effectiveFrom).toISOString().replace('T00:00:00.000Z', ''),
      { text: termsInWords(terms), style: terms.kind === 'withdrawn' ? 'dim' : 'reset' },
    ]),
  )
}

function subjectOf({ scope, subject }: OverrideLine): string {
  return scope === 'global' ? 'everybody' : `${scope} ${subject}`
}

export function entryDocument({ id, line, effectiveFrom, terms }: Entry) {
  return {
    id: id === undefined ? null : publicId(overridePrefix, id),
    scope: line.scope,
    subject: line.subject ?? null,
    provider: line.provider ?? null,
    model: line.model,
    effective_from: new Date(effectiveFrom).toISOString(),
    kind: terms.kind,
    usd_per_million: terms.kind === 'absolute' ? ratesInUsd(terms.rates) : null,
    multiplier: terms.kind === 'multiplier' ? usdFromNano(terms.billionths) : null,
    usd_per_request: terms.kind === 'per_request' ? usdFromNano(terms.fee) : null,
  }
}
