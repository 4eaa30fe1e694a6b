import { Fault } from '../domain/fault.ts'
import type { Reading } from '../domain/usage.ts'
import type { Outcome } from './entry.ts'
import { messageFor, printable } from './scrub.ts'

/** Why we stopped an attempt. `deadline` is the client's own, shorter than the connection's; `stated` an error in a 200. */
export type Stop = 'client' | 'timeout' | 'deadline' | 'oversize' | 'shutdown' | 'stated'

/** Stops that say nothing about the provider: it did not fail, and what it had sent was asked for. */
export const blameless: ReadonlySet<Stop | undefined> = new Set(['client', 'deadline', 'shutdown'])

/** What a client is told whose answer broke off in the middle. */
export function brokenBy(stop: Stop | undefined): Fault {
  switch (stop) {
    case 'timeout':
      return new Fault('upstream_timeout', 'The provider stopped sending in the middle of its answer.')
    case 'deadline':
      return new Fault('upstream_timeout', 'The answer took longer than the request allows.')
    case 'oversize':
      return new Fault('upstream_response_too_large', "The provider's answer is larger than the gateway takes.")
    case 'shutdown':
      return new Fault('shutting_down', 'The gateway is going down and could not wait for the end of this answer.')
    default:
      return new Fault('upstream_stream_truncated', "The provider's answer broke off before its end.")
  }
}

/** How an answer that had begun came to its end. */
export interface Ending {
  readonly complete: boolean
  readonly clientGone: boolean
  readonly stop: Stop | undefined
  readonly reading: Reading
}

export function statusOf({ complete, clientGone, stop, reading }: Ending): Outcome['status'] {
  if (clientGone) return 'client_closed'
  if (complete) return reading.error ? 'failed' : 'complete'
  return blameless.has(stop) ? 'cut' : 'truncated'
}

/** The error columns of the row. */
export function errorOf(
  status: Outcome['status'],
  { reading: { error }, stop }: Ending,
  secret: string | undefined,
): { errorCode?: string; errorMessage?: string } {
  if (error) return { errorCode: printable(error.code), errorMessage: messageFor(error.message, secret) }
  if (status !== 'truncated' && status !== 'cut') return {}
  const { code, message } = brokenBy(stop)
  return { errorCode: code, errorMessage: message }
}
