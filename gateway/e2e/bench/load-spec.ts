import type { Percentiles } from './figures.ts'
import type { Expected } from './load-connection.ts'

/** A load as the generator gets it. */
export interface Load {
  readonly port: number
  readonly path: string
  readonly secret: string
  readonly body: string
  readonly expected: Expected
  readonly connections: number
  readonly seconds: number
  /** Requests at most: a load is bounded in count as well as in time. */
  readonly requestsMax: number
  /** How long the last answers may take once nothing more is sent. */
  readonly drainMs: number
  readonly arrival: Arrival
}

/**
 * Closed: every connection asks again as soon as it is answered; their first requests are spread over `rampMs`, so that
 * paced streams do not tick in step. Open: requests come at a rate, at random moments (Poisson), whether or not earlier
 * ones were answered; one that finds every connection busy waits, and its wait counts.
 */
export type Arrival =
  | { readonly kind: 'closed'; readonly rampMs: number }
  | { readonly kind: 'open'; readonly perSecond: number }

export interface Measured {
  readonly answers: number
  readonly bytes: number
  readonly errors: number
  /** The first few things that went wrong. */
  readonly wrong: readonly string[]
  readonly elapsedMs: number
  readonly totalMs: Percentiles
  readonly firstByteMs: Percentiles
}

/** The request's bytes, made once. */
export function requestOf(load: Load): Buffer {
  const lines = [
    `POST ${load.path} HTTP/1.1`,
    `host: 127.0.0.1:${load.port}`,
    'accept: application/json',
    'content-type: application/json',
    'user-agent: tollgate-bench',
    `authorization: Bearer ${load.secret}`,
    `content-length: ${Buffer.byteLength(load.body)}`,
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${load.body}`)
}
