import type { Candidate } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { UpstreamFailure } from '../providers/provider.ts'
import type { Attempt, Delivery, Outcome } from './entry.ts'
import type { Gateway } from './gateway.ts'
import { scrub, statedIn } from './scrub.ts'

type Answer = Extract<UpstreamFailure, { kind: 'answer' }>

/** The outcome of an attempt that brought no answer. */
export function failed(attempt: Attempt, failure: UpstreamFailure, gateway: Gateway): Outcome {
  const ended = { status: 'failed', reading: { usage: {}, source: 'none' }, endedMs: gateway.clock.elapsed() } as const
  const { apiKey } = attempt.candidate.connection
  if (failure.kind === 'answer') {
    const upstreamRequestId = failure.head.headers['x-request-id']
    return {
      ...ended,
      httpStatus: failure.head.status,
      ...statedIn(scrub(failure.body, apiKey), apiKey),
      ...(typeof upstreamRequestId === 'string' && { upstreamRequestId }),
    }
  }
  const cause = failure.cause instanceof Error ? failure.cause : new Error(String(failure.cause))
  if (cause instanceof Fault) {
    return { ...ended, httpStatus: undefined, errorCode: cause.code, errorMessage: cause.message, maybeBilled: true }
  }
  return {
    ...ended,
    httpStatus: undefined,
    errorCode: codes[failure.kind],
    errorMessage: 'code' in cause ? `${cause.message} (${cause.code})` : cause.message,
    // It was sent, and nobody can say how far the provider came with it.
    ...(failure.kind !== 'connect' && { maybeBilled: true }),
  }
}

const codes = { connect: 'connect_failed', reset: 'connection_reset', timeout: 'upstream_timeout' } as const

/** Whether an answer's bytes can be read, and so be cleaned of what is not for the client: we asked for no encoding. */
export function readable({ head }: Answer): boolean {
  const encoding = head.headers['content-encoding']
  return encoding === undefined || encoding === 'identity'
}

/** A refusal that is about the request itself is the caller's to read, as the provider worded it. */
export function passedOn(attempt: Attempt, failure: Answer): Delivery {
  const contentType = failure.head.headers['content-type']
  const body = scrub(failure.body, attempt.candidate.connection.apiKey)
  return {
    attempt,
    status: failure.head.status,
    headers: { 'content-type': typeof contentType === 'string' ? contentType : 'application/json' },
    tail: () => body,
  }
}

/** What the caller is told when no connection answered: never the provider's words about our own credential. */
export function faultOf({ connection }: Candidate, failure: UpstreamFailure, verdict: Verdict): Fault {
  if (failure.kind !== 'answer' && failure.cause instanceof Fault) return failure.cause
  const cause = failure.kind === 'answer' ? Buffer.from(failure.body).toString() : failure.cause
  const retry = verdict.cooldownMs === undefined ? {} : { retryAfterMs: verdict.cooldownMs }
  if (verdict.fault === 'credential') {
    return new Fault('upstream_credentials_exhausted', `The provider refused the credential of '${connection.id}'.`, {
      cause,
    })
  }
  if (verdict.fault === 'limit') {
    return new Fault('upstream_rate_limited', `The provider behind '${connection.id}' is at its limit.`, {
      cause,
      ...retry,
    })
  }
  if (failure.kind === 'timeout') {
    return new Fault('upstream_timeout', `The provider behind '${connection.id}' did not answer in time.`, { cause })
  }
  const said = failure.kind === 'answer' ? `answered ${failure.head.status}` : 'could not be reached'
  return new Fault('upstream_error', `The provider behind '${connection.id}' ${said}.`, {
    cause,
    ...retry,
    ...(failure.kind === 'answer' && { metadata: { upstream_status: failure.head.status } }),
  })
}
