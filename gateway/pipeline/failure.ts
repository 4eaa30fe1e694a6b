import type { Candidate } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import type { Reading } from '../domain/usage.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { UpstreamFailure } from '../providers/provider.ts'
import type { Attempt, Delivery, Outcome } from './entry.ts'
import type { Gateway } from './gateway.ts'
import { isKnownEncoding } from './inflate.ts'
import { scrub, secretOf, statedIn } from './scrub.ts'
import type { Waiting } from './wait.ts'

type Answer = Extract<UpstreamFailure, { kind: 'answer' }>

/** The outcome of an attempt that brought no answer. */
export function failed(attempt: Attempt, failure: UpstreamFailure, reading: Reading, gateway: Gateway): Outcome {
  const ended = { status: 'failed', reading, endedMs: gateway.clock.elapsed() } as const
  const secret = secretOf(attempt.candidate.connection)
  if (failure.kind === 'answer') {
    const upstreamRequestId = failure.head.headers['x-request-id']
    return {
      ...ended,
      httpStatus: failure.head.status,
      ...statedIn(scrub(failure.body, secret), failure.head.status < 300, secret),
      ...((ambiguous(failure) || promisedAnswer(failure, reading)) && { maybeBilled: true }),
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
    // What was sent may have been worked on, nobody can say how far.
    ...(failure.kind === 'connect' ? { unsent: true } : { maybeBilled: true }),
  }
}

/** It came to something that is no answer, and states no error either: a page, half a body, nothing at all. */
function promisedAnswer({ head }: Answer, { error }: Reading): boolean {
  return head.status < 300 && error === undefined
}

const codes = { connect: 'connect_failed', reset: 'connection_reset', timeout: 'upstream_timeout' } as const

/** Whether an answer is there whole, and can be read and so be cleaned of what is not for the client. */
export function readable({ head, cut }: Answer): boolean {
  return !cut && isKnownEncoding(head.headers['content-encoding'])
}

/** Whether the provider may have worked on the request, for all that is known: asking again may be billed twice. */
export function ambiguous(failure: UpstreamFailure): boolean {
  if (failure.kind === 'answer') return gaveUp(failure.head.status)
  return failure.kind !== 'connect'
}

/** Statuses of those who waited for somebody else, who may be working still. */
export function gaveUp(status: number): boolean {
  return status === 408 || status === 504
}

/** A refusal that is about the request itself is the caller's to read, as the provider worded it. */
export function passedOn(attempt: Attempt, failure: Answer): Delivery {
  const contentType = failure.head.headers['content-type']
  const body = scrub(failure.body, secretOf(attempt.candidate.connection))
  return {
    attempt,
    status: failure.head.status,
    headers: {
      'content-type': typeof contentType === 'string' ? contentType : 'application/json',
      // SDKs go by the status, and would send again what no waiting makes acceptable.
      ...(retriedBySdks(failure.head.status) && { 'x-should-retry': 'false' }),
    },
    streamed: false,
    tail: () => body,
  }
}

function retriedBySdks(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500
}

/** What the caller is told when no connection answered: never the provider's words about our own credential. */
export function faultOf(
  { connection }: Candidate,
  failure: UpstreamFailure,
  verdict: Verdict,
  waits: readonly Waiting[],
): Fault {
  if (failure.kind !== 'answer' && failure.cause instanceof Fault) return failure.cause
  const cause = failure.kind === 'answer' ? Buffer.from(failure.body).toString() : failure.cause
  const { id } = connection
  if (verdict.fault === 'credential') {
    return new Fault('upstream_credentials_exhausted', `The provider refused the credential of '${id}'.`, { cause })
  }
  const waitMs = waits.length > 0 ? Math.min(...waits.map(({ retryAfterMs }) => retryAfterMs)) : verdict.cooldownMs
  const retry = waitMs === undefined ? {} : { retryAfterMs: waitMs }
  if (verdict.fault === 'limit') {
    return new Fault('upstream_rate_limited', `The provider behind '${id}' is at its limit.`, { cause, ...retry })
  }
  if (failure.kind === 'timeout') {
    return new Fault('upstream_timeout', `The provider behind '${id}' did not answer in time.`, { cause })
  }
  const { said, metadata } = wordsOf(failure)
  // What is wrong with the request itself will be wrong with it again.
  const hopeless = verdict.fault === 'caller'
  const wait = verdict.cooldownMs === undefined ? {} : retry
  return new Fault('upstream_error', `The provider behind '${id}' ${said}.`, {
    cause,
    ...wait,
    hopeless,
    ...(metadata && { metadata }),
  })
}

function wordsOf(failure: UpstreamFailure): { said: string; metadata?: Readonly<Record<string, unknown>> } {
  if (failure.kind === 'connect') return { said: 'could not be reached' }
  if (failure.kind !== 'answer') return { said: 'broke the connection before it answered' }
  const { status } = failure.head
  const said = status < 300 ? 'sent an error, or nothing, in place of an answer' : `answered ${status}`
  return { said, metadata: { upstream_status: status } }
}
