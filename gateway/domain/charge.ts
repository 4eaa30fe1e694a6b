import type { NanoUsd } from './money.ts'
import type { Settings } from './settings.ts'
import type { UsageSource } from './usage.ts'
import type { RowStatus } from './usage-row.ts'

/** What a row knows that its charge follows from. */
export interface Chargeable {
  readonly status: RowStatus
  readonly usageSource: UsageSource
  /** Price book × usage; `undefined`: unknown. */
  readonly cost: NanoUsd | undefined
  /** What the provider stated that it cost, where it did. */
  readonly providerCost: NanoUsd | undefined
}

export type ChargePolicy = Pick<Settings, 'chargeBy' | 'chargeOnUpstreamError'>

/**
 * What a subject is charged for an attempt; `undefined`: unknown, because the cost is. Cost is what the provider bills us
 * for, whoever broke the attempt; charge is what becomes of that by who did. It follows from stored columns alone, so
 * the call's own path, a restart that closes orphans and a later correction of prices come to the same amount.
 *
 * A client that leaves pays for what it had made: leaving before the last event must not make an answer free. What the
 * gateway ended, or died over, was answered as far as it went. What the provider broke is charged as the policy says.
 */
export function chargeOf(
  { status, usageSource, cost, providerCost }: Chargeable,
  policy: ChargePolicy,
): NanoUsd | undefined {
  if (brokenByProvider(status) && !charged(usageSource, policy.chargeOnUpstreamError)) return nothing
  return policy.chargeBy === 'provider' ? (providerCost ?? cost) : cost
}

const nothing = 0 as NanoUsd

/** It failed before its first content, or broke off behind it. */
function brokenByProvider(status: RowStatus): boolean {
  return status === 'failed' || status === 'truncated'
}

function charged(source: UsageSource, onUpstreamError: ChargePolicy['chargeOnUpstreamError']): boolean {
  switch (onUpstreamError) {
    case 'none':
      return false
    case 'reported':
      return source === 'provider' || source === 'provider_partial'
    case 'estimated':
      return true
  }
}
