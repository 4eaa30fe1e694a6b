import type { Meter, ResponseHead } from '../dialects/meter.ts'
import type { Call } from '../domain/call.ts'
import type { Candidate } from '../domain/connection.ts'
import type { Verdict } from '../domain/verdict.ts'

/**
 * Who speaks a dialect, at what door. Pure: no I/O and no state, so a provider is a few lines beside its fixtures.
 * The pipeline never names one.
 */
export interface ProviderAdapter {
  readonly id: string
  /** Where it lives unless a connection says otherwise; `undefined`: a connection has to say. */
  readonly baseUrl: string | undefined
  readonly credential: 'required' | 'optional' | 'none'
  /** The request to send: the client's own bytes, changed only where they must be. */
  rewrite(call: Call, to: Candidate): UpstreamRequest
  meter(call: Call, head: ResponseHead): Meter
  classify(failure: UpstreamFailure): Verdict
  /** How long the provider takes no more calls, by an answer's head. `undefined`: not stated, or it still takes calls. */
  exhaustedMs(head: ResponseHead, at: number): number | undefined
}

export interface UpstreamRequest {
  readonly method: 'POST'
  /** Path and query on the connection's origin. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** An attempt that brought no answer: what the provider said instead, or why it said nothing. */
export type UpstreamFailure =
  | {
      readonly kind: 'answer'
      readonly head: ResponseHead
      readonly body: Uint8Array
      /** There was more of the body, or there would have been: this is where it was given up. */
      readonly cut?: boolean
      readonly at: number
    }
  | {
      /** `connect`: the request was never sent. `reset`: sent, and the socket died. `timeout`: no answer in time. */
      readonly kind: 'connect' | 'reset' | 'timeout'
      readonly cause: unknown
    }
