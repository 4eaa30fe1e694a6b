import { type Fault, faults } from '../domain/fault.ts'

/** Over this wait a client should not sleep by itself: some SDKs would, for hours. */
const retryAfterMsMax = 60_000

/** What SDKs go by beside the body: whether to try again, and when. */
export function faultHeaders(fault: Fault): Record<string, string> {
  const headers: Record<string, string> = {}
  const { retryAfterMs, hopeless } = fault.detail
  if (retryAfterMs !== undefined && !hopeless) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)))
    headers['retry-after-ms'] = String(Math.max(1, Math.ceil(retryAfterMs)))
  }
  const retry = faults[fault.code].retry
  if (retry === false || hopeless || (retryAfterMs ?? 0) > retryAfterMsMax) headers['x-should-retry'] = 'false'
  // HTTP wants every 401 to say how to do better.
  if (fault.status === 401) headers['www-authenticate'] = 'Bearer'
  // What was too large may go on coming; it is not read.
  if (fault.code === 'request_too_large') headers['connection'] = 'close'
  return headers
}
