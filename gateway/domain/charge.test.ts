import { expect, test } from 'vitest'
import { type Chargeable, type ChargePolicy, chargeOf } from './charge.ts'
import { nanoUsd } from './money.ts'

const cost = nanoUsd(700)
const providerCost = nanoUsd(900)
const counted: Chargeable = { status: 'complete', usageSource: 'counted', cost, providerCost: undefined }
const policy: ChargePolicy = { chargeBy: 'provider', chargeOnUpstreamError: 'reported' }
const policies = (['none', 'reported', 'estimated'] as const).map(
  (chargeOnUpstreamError): ChargePolicy => ({ ...policy, chargeOnUpstreamError }),
)

test('whoever is answered, leaves, or is cut off by us is charged what was used, by every policy', () => {
  for (const status of ['complete', 'client_closed', 'cut', 'orphan'] as const)
    for (const each of policies) expect(chargeOf({ ...counted, status }, each)).toBe(cost)
})

test('what the provider broke is charged by the policy: nothing, what it stated, or what was counted', () => {
  const charges = (usageSource: Chargeable['usageSource'], status: 'failed' | 'truncated') =>
    policies.map((each) => chargeOf({ ...counted, status, usageSource }, each))
  for (const status of ['failed', 'truncated'] as const) {
    expect(charges('provider', status)).toEqual([0, 700, 700])
    expect(charges('provider_partial', status)).toEqual([0, 700, 700])
    expect(charges('counted', status)).toEqual([0, 0, 700])
    expect(charges('none', status)).toEqual([0, 0, 700])
  }
})

test("the provider's own word comes before the price book's, unless prices are what is charged by", () => {
  const both: Chargeable = { ...counted, usageSource: 'provider', providerCost }
  expect(chargeOf(both, policy)).toBe(providerCost)
  expect(chargeOf(both, { ...policy, chargeBy: 'price' })).toBe(cost)
  expect(chargeOf({ ...both, providerCost: nanoUsd(0) }, policy)).toBe(0)
  expect(chargeOf({ ...both, cost: undefined }, policy)).toBe(providerCost)
})

test('an unknown cost is an unknown charge, and never nothing, unless the policy charges nothing', () => {
  expect(chargeOf({ ...counted, cost: undefined }, policy)).toBeUndefined()
  expect(chargeOf({ ...counted, cost: undefined, status: 'truncated' }, policy)).toBe(0)
  expect(
    chargeOf({ ...counted, cost: undefined, status: 'failed' }, { ...policy, chargeOnUpstreamError: 'estimated' }),
  ).toBeUndefined()
})
