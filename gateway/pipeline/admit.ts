import { Fault } from '../domain/fault.ts'
import type { Hold, Limit } from '../domain/limit.ts'
import { keyMay } from '../domain/pattern.ts'
import type { Entry } from './entry.ts'
import { tokensByBytes } from './estimate.ts'

/** A call that may be made, with what it has to hold under its caller's limits. */
export interface Admission {
  readonly entry: Entry
  /** Tokens it is expected to use, for limits on tokens. */
  readonly tokens: number
  readonly holds: readonly Hold[]
}

/** Whether this key may ask for this model, and what the call will have to reserve. */
export function admit(entry: Entry): Admission {
  const { call, catalog } = entry
  const { key, identity, asked } = call
  if (!keyMay(key, asked.model)) {
    throw new Fault('model_not_allowed', `The key '${key.id}' may not use the model '${asked.model}'.`, {
      param: 'model',
    })
  }
  const tokens = expectedTokens(call.body.bytes.length, asked.outputTokensMax)
  return { entry, tokens, holds: holdsOf(catalog.limits(key, identity, asked.model), tokens) }
}

export function holdsOf(limits: readonly Limit[], tokens: number): readonly Hold[] {
  return limits.map((limit) => ({ limit, amount: limit.measure === 'tokens' ? tokens : 1 }))
}

/** A request without a cap is expected to be answered modestly. */
const outputTokensExpected = 512

/** An estimate, for limits on tokens only, which settling corrects; money is never held by it. */
function expectedTokens(bodyBytes: number, outputTokensMax: number | undefined): number {
  return tokensByBytes(bodyBytes) + Math.min(outputTokensMax ?? outputTokensExpected, outputTokensExpected * 8)
}
