import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../domain/fault.ts'
import { attemptsMax } from '../pipeline/forward.ts'
import { aliases, firstOf } from './aliases.ts'

/** A request that an SDK sends again: its tries multiply with ours, and the first of them has been through ours already. */
export const retriedAttemptsMax = 2

/** How many attempts the client wants at most; `undefined`: as many as the gateway makes. */
export function attemptsMaxIn(headers: IncomingHttpHeaders): number | undefined {
  const alias = firstOf(aliases.attemptsMax, headers)
  const asked = ownAttemptsMax(headers) ?? (alias === undefined ? undefined : Math.min(alias, attemptsMax))
  return clientRetriesIn(headers) > 0 ? Math.min(asked ?? attemptsMax, retriedAttemptsMax) : asked
}

/** How often the client's SDK has sent this request before. */
export function clientRetriesIn(headers: IncomingHttpHeaders): number {
  const retries = Number(headers['x-stainless-retry-count'] ?? 0)
  return Number.isSafeInteger(retries) && retries > 0 ? retries : 0
}

function ownAttemptsMax(headers: IncomingHttpHeaders): number | undefined {
  const name = 'x-tollgate-max-attempts'
  const value = headers[name]
  if (value === undefined) return undefined
  const attempts = Number(value)
  if (value !== '' && Number.isInteger(attempts) && attempts >= 1 && attempts <= attemptsMax) return attempts
  throw new Fault('invalid_header', `The header ${name} has to be a whole number from 1 to ${attemptsMax}.`, {
    param: name,
  })
}
