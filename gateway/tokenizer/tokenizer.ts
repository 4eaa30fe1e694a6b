/**
 * Counts tokens where a provider stated none. Runs outside the event loop, after the call: nothing on the data path
 * ever waits for it.
 */
export interface Tokenizer {
  count(texts: Countable): Promise<Counted>
  close(): Promise<void>
}

export interface Countable {
  /** The model's name, which chooses the vocabulary. */
  readonly model: string
  readonly prompt: readonly string[]
  readonly said: string
}

/** Tokens of the texts alone; what framing costs is the caller's to add. */
export interface Counted {
  readonly prompt: number
  readonly said: number
}
