import type { Reading } from '../domain/usage.ts'
import type { JsonObject } from './json-value.ts'
import type { Meter } from './meter.ts'

/**
 * For answers whose head does not say what they are: a stream was asked for, and the content type is missing or wrong.
 * The first byte that is no white space tells: JSON begins with a brace, events never do.
 */
export class SniffedMeter implements Meter {
  readonly #stream: () => Meter
  readonly #json: () => Meter
  #meter: Meter | undefined

  constructor(stream: () => Meter, json: () => Meter) {
    this.#stream = stream
    this.#json = json
  }

  write(chunk: Buffer): Buffer | undefined {
    this.#meter ??= /^\s*[{[]/.test(chunk.toString('latin1', 0, 4096)) ? this.#json() : this.#stream()
    return this.#meter.write(chunk)
  }

  tail(member?: JsonObject): Buffer | undefined {
    return this.#meter?.tail(member)
  }

  reading(): Reading {
    return this.#meter?.reading() ?? { usage: {}, source: 'none', said: '' }
  }

  get complete(): boolean {
    return this.#meter?.complete ?? false
  }

  get ending(): boolean {
    return this.#meter?.ending ?? false
  }

  get began(): boolean {
    return this.#meter?.began ?? false
  }

  get error(): Buffer | undefined {
    return this.#meter?.error
  }

  get events(): number {
    return this.#meter?.events ?? 0
  }

  get streamed(): boolean {
    return this.#meter?.streamed ?? false
  }

  get running(): number {
    return this.#meter?.running ?? 0
  }
}
