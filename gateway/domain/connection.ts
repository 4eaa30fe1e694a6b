/** A way to a provider: an address, a credential and what may be asked there. */
export interface Connection {
  /** The slug: `openai-main`. */
  readonly id: string
  readonly provider: string
  /** Absolute, without a trailing slash: `https://api.openai.com/v1`. */
  readonly baseUrl: string
  readonly apiKey: string | undefined
  /** Of providers that version their API by a query parameter, the version to ask for. */
  readonly apiVersion: string | undefined
  /** Sent along with every request: a project, an organisation, a referrer. */
  readonly headers: Readonly<Record<string, string>>
  /** Lower is asked first. */
  readonly priority: number
  /** Share of the traffic among equals of one priority. */
  readonly weight: number
  readonly models: readonly ModelPattern[]
  readonly status: 'active' | 'inactive' | 'draining'
  readonly allowPrivateNetwork: boolean
  /** Whether rows of its calls say who they were for; `undefined`: as the installation has it. */
  readonly trackUsage: boolean | undefined
  readonly timeouts: Timeouts
  readonly onClientAbort: 'abort' | 'drain'
  /** Whether a request that was sent and brought nothing back may be sent again: the provider may have worked on it. */
  readonly retryAmbiguous: boolean
}

/** What its owner decided; `error`, unless it is off, where only its owner can mend what is wrong. */
export type ShownStatus = Connection['status'] | 'error'

export function shownStatus({ status }: Pick<Connection, 'status'>, credentialRefused: boolean): ShownStatus {
  return status === 'active' && credentialRefused ? 'error' : status
}

/** A hint that leaves the greater part untold: of a short credential there is none. */
const hintedLengthMin = 12

/** Enough to tell one credential from another, and no more. */
export function keyHint(apiKey: string): string | null {
  return apiKey.length < hintedLengthMin ? null : `…${apiKey.slice(-4)}`
}

/** `pattern` is what clients may ask for (`*` stands for any run of characters); `upstream`, where set, what is sent instead. */
export interface ModelPattern {
  readonly pattern: string
  readonly upstream?: string
}

/** Milliseconds. `firstByte` bounds the answer's head, `firstToken` its first content, `idle` silence after it, `total` everything. */
export interface Timeouts {
  readonly connectMs: number
  readonly firstByteMs: number
  readonly firstTokenMs: number
  readonly idleMs: number
  readonly totalMs: number
}

/** Where a call may go: a connection and the model's name there. */
export interface Candidate {
  readonly connection: Connection
  readonly model: string
  /** Lower is asked first; candidates of one rank share the traffic by their connections' weights. */
  readonly rank: number
}
