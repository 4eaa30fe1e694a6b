import type { Catalog } from '../catalog/catalog.ts'
import type { Call } from '../domain/call.ts'
import type { Candidate } from '../domain/connection.ts'
import type { Fault } from '../domain/fault.ts'
import type { Uuid } from '../domain/id.ts'
import type { Identity, Key } from '../domain/key.ts'
import type { Reading } from '../domain/usage.ts'
import type { RowStatus } from '../domain/usage-row.ts'
import type { Reservation, Standing } from '../limits/limit-store.ts'

/** What has become of a call so far: the one value that grows along the path. */
export interface Entry {
  readonly call: Call
  readonly catalog: Catalog
  readonly attempts: Attempt[]
  /** The caller's own limits, held for the whole call. */
  reservation?: Reservation
  /** How those limits stand: what is held under them counted in, or the one that had no room. */
  standings?: readonly Standing[]
  delivery?: Delivery
  fault?: Fault
}

/** One try at one connection. */
export interface Attempt {
  /** UUIDv7, of the time the attempt began. */
  readonly id: Uuid
  /** From 1. */
  readonly number: number
  readonly candidate: Candidate
  /** `Clock.elapsed` when it was sent; until then, when it was made ready. */
  sentMs: number
  /** On a new socket, because the one that had been kept was dead. */
  readonly fresh: boolean
  /** It is to find out whether a connection that rested answers again. */
  readonly probe: boolean
  /** The connection's limits. */
  reservation?: Reservation
  outcome?: Outcome
  /** `Clock.elapsed` when its row was written first. */
  recordedMs?: number
}

/** How an attempt ended. Rows are made of it. */
export interface Outcome {
  readonly status: Exclude<RowStatus, 'orphan' | 'refused'>
  /** The provider's HTTP status; `undefined` where it gave none. */
  readonly httpStatus: number | undefined
  readonly reading: Reading
  /** `Clock.elapsed` when the last byte came, or when we gave up. */
  readonly endedMs: number
  /** `Clock.elapsed` at the first content. */
  readonly firstTokenMs?: number
  readonly upstreamRequestId?: string
  readonly errorCode?: string
  readonly errorMessage?: string
  /** It never came as far as a socket, so nothing of it was billed. */
  readonly unsent?: boolean
  /** It was sent, and no content came back: nobody can say whether the provider worked on it, unless it states a usage. */
  readonly maybeBilled?: boolean
}

/** What is left to hand to the client once the row is written. */
export interface Delivery {
  readonly attempt: Attempt
  /** The provider's status and the headers that go with it. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** It comes in events. */
  readonly streamed: boolean
  /** The tail: an answer's last bytes, or all of it where nothing was sent yet. Made when what it cost is known. */
  readonly tail: (member: Readonly<Record<string, unknown>> | undefined) => Uint8Array | undefined
  /** The answer broke after content had been sent: the client is told so in its dialect. */
  readonly broken?: Fault
}

/** A call that was refused before any provider was asked, as far as it had been read. */
export interface RefusedCall {
  readonly id: Uuid
  readonly key: Key
  readonly identity: Identity
  /** Whether its row says who it was for. No connection had a say. */
  readonly tracked: boolean
  readonly dialect: string
  readonly endpoint: string
  readonly stream: boolean
  readonly model: string
}
