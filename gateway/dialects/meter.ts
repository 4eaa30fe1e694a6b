import type { Reading } from '../domain/usage.ts'

/**
 * Reads an answer as it passes. Bytes go in as they arrive, cut anywhere; what may go on to the client comes out:
 * the same bytes in the same order, less what is held back for the tail and what the client did not ask for.
 *
 * Runs once per chunk of every stream: no decoding of bytes that only pass, no allocation where nothing is split.
 */
export interface Meter {
  /** Takes a chunk, which it may keep; returns what may be sent on now (often the same chunk), or `undefined`. */
  write(chunk: Buffer): Buffer | undefined
  /** No more will come. Returns the tail: what was held back and still belongs to the client. */
  end(): Buffer | undefined
  /** What the answer used. Call it after `end`, or when the stream broke. */
  reading(): Reading
  /** The answer came to its own end (`[DONE]`, a whole JSON body), not merely to the end of its bytes. */
  readonly complete: boolean
  /** Content has begun: something a reader would see. */
  readonly began: boolean
  /** An upper bound of the output tokens seen so far. */
  readonly running: number
}

/** What the meter needs to know of the response it reads. */
export interface ResponseHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}
