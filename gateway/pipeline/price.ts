import { timeOf } from '../domain/id.ts'
import { type NanoUsd, nanoUsd } from '../domain/money.ts'
import { type Reading, totals, type Usage, type UsageSource, type UsageTotals } from '../domain/usage.ts'
import type { PriceStatus, RowFlag } from '../domain/usage-row.ts'
import type { Rates } from '../prices/price-book.ts'
import type { Attempt, Entry, Outcome } from './entry.ts'
import { estimate } from './estimate.ts'
import type { Gateway } from './gateway.ts'
import { priced } from './priced.ts'

/** What an attempt used and cost. An absent amount is unknown, not nothing. */
export interface Cost {
  readonly usage: Usage
  readonly totals: UsageTotals
  readonly usageSource: UsageSource
  /** Price book × usage. */
  readonly cost?: NanoUsd
  /** What budgets count: by the installation's policy, the provider's own word or the price book's. */
  readonly charge?: NanoUsd
  readonly priceStatus?: PriceStatus
  readonly priceVersionId?: string | undefined
  readonly rates?: Rates
  readonly flags: readonly RowFlag[]
}

const nothingUsed = totals({})

/** Prices every attempt, in order. */
export function price(entry: Entry, gateway: Gateway): readonly Cost[] {
  return entry.attempts.map((attempt) => priceAttempt(entry, attempt, gateway))
}

/** What a call is charged is what its attempts are, the failed ones too; `undefined`: of one of them it is not known. */
export function chargeOfCall(costs: readonly Cost[]): NanoUsd | undefined {
  let sum = 0
  for (const { charge } of costs) {
    if (charge === undefined) return undefined
    sum += charge
  }
  // As a single cost does, it stays at the bound of what a number holds.
  return nanoUsd(Math.min(sum, Number.MAX_SAFE_INTEGER))
}

function priceAttempt(entry: Entry, attempt: Attempt, gateway: Gateway): Cost {
  const { outcome } = attempt
  if (!outcome) return { usage: {}, totals: nothingUsed, usageSource: 'none', flags: [] }
  const { reading } = outcome
  if (reading.source === 'none' && !worked(outcome)) {
    const free = nanoUsd(0)
    return { usage: {}, totals: nothingUsed, usageSource: 'none', cost: free, charge: free, flags: [] }
  }
  const used = reading.source === 'none' ? estimate(entry.call, reading) : reading
  return priceUsage(entry, attempt, used, gateway)
}

/**
 * Whether the provider worked on an attempt of which nobody states what it used, or may have: then that is counted.
 * Whoever refuses, by a status or in words, has not. The table of all cases is in `interrupted-calls.md`.
 */
function worked({ status, httpStatus, unsent, maybeBilled, reading }: Outcome): boolean {
  if (unsent) return false
  if (maybeBilled || reading.said) return true
  return reading.error === undefined && status !== 'failed' && (httpStatus === undefined || httpStatus < 300)
}

export function priceUsage(entry: Entry, attempt: Attempt, reading: Reading, gateway: Gateway): Cost {
  const { connection, model } = attempt.candidate
  const { providerCost, source: usageSource } = reading
  const used = totals(reading.usage)
  const { usage, cost, charge, rates, status, versionId, byDefault } = priced(
    {
      question: {
        provider: connection.provider,
        model,
        served: reading.servedModel,
        tier: reading.serviceTier,
        // By when the attempt began, which is what its row knows.
        at: timeOf(attempt.id),
        connection: connection.id,
        org: entry.call.identity.org,
      },
      usage: reading.usage,
      inputTokens: used.input,
      // What has no end yet would be an orphan's, if its process died now.
      status: attempt.outcome?.status ?? 'orphan',
      usageSource,
      providerCost,
    },
    gateway.prices,
    entry.catalog.settings,
  )
  const flags: RowFlag[] = []
  if (reading.invalid) flags.push('usage_invalid')
  if (byDefault) flags.push('default_price')
  return {
    ...{ usage, totals: used, usageSource, priceStatus: status, priceVersionId: versionId, rates, flags },
    ...(cost !== undefined && { cost }),
    ...(charge !== undefined && { charge }),
  }
}
