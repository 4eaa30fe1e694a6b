import { Fault } from '../domain/fault.ts'
import type { Limit } from '../domain/limit.ts'
import type { Refusal } from '../limits/limit-store.ts'

/** The refusal in words: which limit, whose, used of how much, and when to come back. */
export function limitFault({ limit, used, asked, ...refusal }: Refusal, at: number): Fault {
  const hopeless = asked > limit.max
  // A store may be a sub-bucket late, to be safe. A minute's limit that asks for 61 s makes SDKs give up on it.
  const retryAfterMs = limit.windowMs === 0 ? refusal.retryAfterMs : Math.min(refusal.retryAfterMs, limit.windowMs)
  const seconds = Math.ceil(retryAfterMs / 1000)
  const advice = hopeless ? `This request alone needs ${asked}.` : `Retry in ${seconds} s.`
  return new Fault('rate_limit_exceeded', `Rate limit reached for ${nameOf(limit)}: ${amountOf(limit)}. ${advice}`, {
    type: limit.measure,
    retryAfterMs,
    hopeless,
    metadata: {
      reason: 'rate_limit_exceeded',
      scope: limit.scope,
      scope_id: limit.scope === 'global' ? null : limit.subject,
      measure: limit.measure,
      window: limit.windowMs === 0 ? null : `${limit.windowMs / 1000}s`,
      limit: limit.max,
      used,
      requested: asked,
      retry_after_ms: Math.ceil(retryAfterMs),
      resets_at: new Date(at + retryAfterMs).toISOString(),
    },
  })
}

function nameOf({ scope, subject }: Limit): string {
  return scope === 'global' ? 'this gateway' : `${scope} '${subject}'`
}

function amountOf({ measure, max, windowMs }: Limit): string {
  if (measure === 'concurrency') return `${max} requests at a time`
  return `${max} ${measure} per ${windowMs === 60_000 ? 'minute' : `${windowMs / 1000} s`}`
}
