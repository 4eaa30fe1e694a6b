import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../domain/fault.ts'

/** Answering just before the SDK hangs up gives the caller a clear 504 instead of a broken socket. */
const sdkSlackMs = 2_000

/** How long this client waits: what it asks of us, else what its SDK says it will wait, less a little. */
export function deadlinesIn(headers: IncomingHttpHeaders): {
  readonly timeoutMs: number | undefined
  readonly firstTokenTimeoutMs: number | undefined
} {
  const sdkSeconds = Number(headers['x-stainless-timeout'] ?? headers['x-stainless-read-timeout'])
  const sdkMs =
    Number.isFinite(sdkSeconds) && sdkSeconds > 0 ? Math.max(sdkSeconds * 1000 - sdkSlackMs, 500) : undefined
  return {
    timeoutMs: milliseconds(headers, 'x-tollgate-timeout-ms') ?? sdkMs,
    firstTokenTimeoutMs: milliseconds(headers, 'x-tollgate-first-token-timeout-ms'),
  }
}

function milliseconds(headers: IncomingHttpHeaders, name: string): number | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  const ms = Number(value)
  if (Number.isInteger(ms) && ms > 0) return ms
  throw new Fault('invalid_header', `The header ${name} has to be a whole number of milliseconds.`, { param: name })
}
