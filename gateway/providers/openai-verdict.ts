import type { Verdict } from '../domain/verdict.ts'
import { resetAfterMs } from './exhausted.ts'
import type { UpstreamFailure } from './provider.ts'
import { retryAfterMs, statedWaitMs } from './retry-after.ts'
import { type StatedFailure, statedFailure } from './stated-failure.ts'

// The verdicts there are. A failure of the caller's may be one that another connection does not share.
export const callerFault: Verdict = { fault: 'caller', failover: false }
export const notHere: Verdict = { fault: 'caller', failover: true }
export const badCredential: Verdict = { fault: 'credential', failover: true }
const ill: Verdict = { fault: 'connection', failover: true }
export const limited: Verdict = { fault: 'limit', failover: true }

/**
 * Whose fault a failure is, as the OpenAI family tells it; `quirks` are what one provider means otherwise. Only codes,
 * types and the beginnings of messages are looked at: a provider quotes the request in what it says, so a text that is
 * merely somewhere in it may be the caller's, who must not get a connection to rest.
 */
export function classifyOpenai(
  failure: UpstreamFailure,
  quirks?: (stated: StatedFailure, at: number) => Verdict | undefined,
): Verdict {
  if (failure.kind !== 'answer') return ill
  const { head, body, at } = failure
  const stated = statedFailure(head.status, body)
  // The headers of an answer that had begun well speak of other things than its error.
  const headers = head.status === stated.status ? head.headers : {}
  const askedMs = retryAfterMs(headers, at)
  // Who asks us to come back is not out of money, but has it in use: OpenRouter does, while other calls are open.
  const inUse = stated.status === 402 && askedMs !== undefined
  const verdict = quirks?.(stated, at) ?? (inUse ? limited : verdictOn(stated))
  if (verdict.cooldownMs !== undefined || (verdict.fault !== 'limit' && verdict.fault !== 'connection')) return verdict
  const cooldownMs =
    askedMs ?? (verdict.fault === 'limit' ? (statedWaitMs(stated) ?? resetAfterMs(headers, at)) : undefined)
  return cooldownMs === undefined ? verdict : { ...verdict, cooldownMs }
}

function verdictOn(stated: StatedFailure): Verdict {
  const { status, words } = stated
  if (words.some((word) => outOfMoney.test(word))) return badCredential
  switch (status) {
    case 400:
      return aboutModel(stated) ? notHere : callerFault
    case 401:
    case 402:
      return badCredential
    case 403:
      if (words.some((word) => aboutContent.test(word))) return callerFault
      return aboutOurRights(stated) ? badCredential : notHere
    // Neither the model nor the route may be known here and yet be elsewhere.
    case 404:
    case 405:
    case 410:
    case 501:
      return notHere
    // Ours or theirs to repeat, as the family's own SDKs do.
    case 408:
    case 409:
    case 424:
    case 425:
      return ill
    case 429:
      return tooLarge(stated) ? callerFault : limited
    default:
      return status >= 400 && status < 500 ? callerFault : ill
  }
}

/** The account is empty or closed, by whatever status that is said; no waiting will fill it. */
const outOfMoney =
  /^(?:insufficient_quota|billing_hard_limit_reached|billing_not_active|account_deactivated|exceeded_current_quota_error|insufficient_balance|insufficient_credits)$/

/**
 * That the key or its account may not, whoever asks. A 403 may as well be about one request: a parameter, a text that a
 * firewall in front of the provider did not like. Whoever sends such a request must not take the provider from others.
 */
function aboutOurRights(stated: StatedFailure): boolean {
  const { words, error } = stated
  if (aboutModel(stated) || error['type'] === 'invalid_request_error' || typeof error['param'] === 'string')
    return false
  return words.some((word) =>
    /permission|denied|api_?key|auth|account|suspended|country|territory|forbidden/i.test(word),
  )
}

const aboutContent = /content_?(?:policy|filter)|moderation|safety/i

/** About which model was asked for: it is not here, not any more, or not for this account. */
function aboutModel({ words, error }: StatedFailure): boolean {
  if (error['param'] === 'model') return true
  return words.some((word) => /^(?:(?:invalid|unknown|unsupported)_)?model(?:_|$)|^DeploymentNotFound$/i.test(word))
}

/** One request above a whole minute's limit ("Limit 30000, Requested 42288") will be above it in the next minute too. */
function tooLarge({ message }: StatedFailure): boolean {
  if (/^Request too large\b/i.test(message)) return true
  const [, limit, requested] = /: Limit (\d+), (?:Used \d+, )?Requested (\d+)/.exec(message) ?? []
  return Number(requested) > Number(limit)
}
