import type { Reading } from '../domain/usage.ts'
import type { JsonObject } from './json-value.ts'

/**
 * Reads an answer as it passes. Bytes go in as they arrive, cut anywhere; what may go on to the client comes out:
 * the same bytes in the same order, less what is held back for the tail and what the client did not ask for.
 *
 * Runs once per chunk of every stream: no decoding of bytes that only pass, no allocation where nothing is split.
 */
export interface Meter {
  /** Takes a chunk, which it keeps; returns what may be sent on now (often the same chunk), or `undefined`. */
  write(chunk: Buffer): Buffer | undefined
  /**
   * No more will come. Returns the tail: what was held back and belongs to the client. `member`, where given, is put
   * into the last usage event or the body as its `tollgate` member.
   */
  tail(member?: JsonObject): Buffer | undefined
  /** What the answer used, as far as it came. */
  reading(): Reading
  /** The answer came to its own end (`[DONE]`, a whole body), not merely to the end of its bytes. */
  readonly complete: boolean
  /** The tail has begun: nothing more will be passed before the end. */
  readonly ending: boolean
  /** Content has begun: something that a reader would see. */
  readonly began: boolean
  /** The JSON in which the provider stated an error: the body, or the event's data. What is passed on from then on may hold what is not for the client. */
  readonly error: Buffer | undefined
  /** Events so far, of a stream whose content has not begun; they stand still afterwards. */
  readonly events: number
  /** Comes in events, as long as it likes; else it is one body, whose size is bounded. */
  readonly streamed: boolean
  /** Output tokens so far, estimated cheaply: one an event. */
  readonly running: number
}

/** What the meter needs to know of the response it reads. */
export interface ResponseHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}
