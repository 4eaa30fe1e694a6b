import { statedError } from '../dialects/openai-error.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { UpstreamFailure } from './provider.ts'
import { retryAfterMs } from './retry-after.ts'

/** Whose fault a failure is, as the OpenAI family tells it. */
export function classifyOpenai(failure: UpstreamFailure): Verdict {
  if (failure.kind !== 'answer') return { fault: 'connection', failover: true }
  const { status } = failure.head
  const cooldownMs = retryAfterMs(failure.head.headers, failure.at)
  const cooldown = cooldownMs === undefined ? {} : { cooldownMs }
  if (status === 429) {
    // OpenAI says three things by 429: wait, pay, and "this request is larger than your limit", which no waiting mends.
    const error = statedError(parsed(failure.body))
    if (error?.code === 'insufficient_quota') return { fault: 'credential', failover: true }
    return { fault: 'limit', failover: true, ...cooldown }
  }
  // "You may not" can be about what was asked for rather than about who asks.
  if (status === 403 && aboutRequest.has(statedError(parsed(failure.body))?.code ?? '')) {
    return { fault: 'caller', failover: false }
  }
  if (status === 401 || status === 402 || status === 403) return { fault: 'credential', failover: true }
  if (status === 408 || status >= 500 || status < 400) return { fault: 'connection', failover: true, ...cooldown }
  return { fault: 'caller', failover: false }
}

const aboutRequest: ReadonlySet<string> = new Set(['model_not_found', 'model_not_allowed', 'content_policy_violation'])

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString())
  } catch {
    return undefined
  }
}
