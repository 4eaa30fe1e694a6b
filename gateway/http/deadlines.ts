import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../domain/fault.ts'
import { aliases, firstOf } from './aliases.ts'

/** Answering just before the SDK hangs up gives the caller a clear 504 instead of a broken socket. */
const sdkSlackMs = 2_000
const sdkMsMin = 500

/**
 * How long this client waits: what it asks of us, else what it asks of a gateway as others call it, else what its SDK
 * says it will wait, less a little.
 */
export function deadlinesIn(headers: IncomingHttpHeaders): {
  readonly timeoutMs: number | undefined
  readonly firstTokenTimeoutMs: number | undefined
} {
  return {
    timeoutMs: milliseconds(headers, 'x-tollgate-timeout-ms') ?? firstOf(aliases.timeoutMs, headers) ?? sdkMs(headers),
    firstTokenTimeoutMs:
      milliseconds(headers, 'x-tollgate-first-token-timeout-ms') ?? firstOf(aliases.firstTokenTimeoutMs, headers),
  }
}

function milliseconds(headers: IncomingHttpHeaders, name: string): number | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  const ms = Number(value)
  if (Number.isInteger(ms) && ms > 0) return ms
  throw new Fault('invalid_header', `The header ${name} has to be a whole number of milliseconds.`, { param: name })
}

/** An SDK says `0` or `None` where it waits for ever. */
function sdkMs(headers: IncomingHttpHeaders): number | undefined {
  const seconds = Number(headers['x-stainless-timeout'] ?? headers['x-stainless-read-timeout'])
  return Number.isFinite(seconds) && seconds > 0 ? Math.max(seconds * 1000 - sdkSlackMs, sdkMsMin) : undefined
}
