import { publicId } from '../domain/id.ts'
import { usdFromNano } from '../domain/money.ts'
import type { Attempt, Entry } from './entry.ts'
import { headerSafe } from './header-safe.ts'
import { overheadSoFarMs } from './overhead.ts'
import { type Cost, chargeOfCall } from './price.ts'
import { rateLimitHeaders } from './rate-limit-headers.ts'

// One object goes through all of these and is added to: joining several cost a call more than filling one.

export type Headers = Record<string, string>

export function idHeaders(callId: string, headers: Headers = {}): Headers {
  const id = publicId('req', callId)
  headers['x-request-id'] = id
  headers['request-id'] = id
  return headers
}

/** What every answer of the data plane says about its way here, known once an attempt has been made; added to `headers`. */
export function callHeaders(
  entry: Entry,
  attempt: Attempt | undefined = entry.attempts.at(-1),
  headers: Headers = {},
): Headers {
  idHeaders(entry.call.id, headers)
  if (attempt) {
    headers['x-tollgate-connection'] = attempt.candidate.connection.id
    headers['x-tollgate-model'] = headerSafe(attempt.candidate.model)
    headers['x-tollgate-overhead-ms'] = overheadSoFarMs(entry, attempt).toFixed(2)
  }
  headers['x-tollgate-attempts'] = String(entry.attempts.length)
  if (entry.standings) rateLimitHeaders(entry.standings, headers)
  return headers
}

/** The names of what `costHeaders` adds, for trailers have to be announced. */
export const costTrailers = 'x-tollgate-cost-usd, x-tollgate-usage-source'

/** What is not known of it has no header: an unknown cost is none of 0. */
export function costHeaders(costs: readonly Cost[], headers: Headers): Headers {
  const answered = costs.at(-1)
  if (!answered) return headers
  const charge = chargeOfCall(costs)
  if (charge !== undefined) headers['x-tollgate-cost-usd'] = usdFromNano(charge)
  headers['x-tollgate-usage-source'] = answered.usageSource
  return headers
}
