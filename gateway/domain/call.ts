import type { Uuid } from './id.ts'
import type { Identity, Key } from './key.ts'

export type DialectId = 'openai-chat' | 'openai-completions' | 'openai-embeddings'

/** What a request asks for, read from its body by its dialect. */
export interface Asked {
  readonly model: string
  readonly stream: boolean
  /** The client asked for the stream's usage event; where it did not, ours is taken out again. */
  readonly streamUsage: boolean
  /** The request's own cap on output tokens, times the number of answers it asks for. */
  readonly outputTokensMax: number | undefined
  /** Answers that are made, and paid for (`n`, `best_of`). */
  readonly choices: number
  /** The body's `user`, which is the caller's name for its end user. */
  readonly user: string | undefined
  /** What the model reads, taken out of the body only when somebody has to count it. */
  readonly prompt: () => Prompt
}

export interface Prompt {
  readonly texts: readonly string[]
  /** Messages, each of which costs a few tokens beside its text. */
  readonly messages: number
  /** Input that came as token numbers, counted already. */
  readonly tokens?: number
}

/** A span of bytes: where a top-level member's value stands in the request body. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The client's JSON body, both ways: the bytes to send on, and what they mean. */
export interface JsonBody {
  readonly bytes: Uint8Array
  readonly value: Readonly<Record<string, unknown>>
  /** Where each top-level member's value stands in `bytes`. */
  readonly members: ReadonlyMap<string, Span>
}

/** One request of a client, from arrival to settlement. Never rewritten: what goes upstream is made from it. */
export interface Call {
  readonly id: Uuid
  /** Milliseconds since the epoch, at arrival. */
  readonly at: number
  /** `Clock.elapsed` at arrival. */
  readonly startedMs: number
  readonly dialect: DialectId
  /** The route, as documented: `/v1/chat/completions`. */
  readonly endpoint: string
  readonly key: Key
  readonly identity: Identity
  readonly asked: Asked
  readonly body: JsonBody
  /** Milliseconds the client gives us: `x-tollgate-timeout-ms`, or the SDK's own timeout less two seconds. */
  readonly timeoutMs: number | undefined
  /** `x-tollgate-first-token-timeout-ms`. */
  readonly firstTokenTimeoutMs: number | undefined
  /** The one connection it may go to, whatever its standing: a test of that connection. */
  readonly only?: string | undefined
  /** Attempts at most, where the client wants fewer than the gateway would make. */
  readonly attemptsMax?: number | undefined
  /** Cost and usage source are wanted in the last usage chunk (`x-tollgate-usage: true`). */
  readonly usageMember: boolean
}
