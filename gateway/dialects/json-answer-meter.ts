import type { Reading } from '../domain/usage.ts'
import { isObject, type JsonObject } from './json-value.ts'
import type { Meter } from './meter.ts'

/** Up to here a body is held whole, so that its cost can go into the head; a longer one passes as it comes. */
const heldBytesMax = 1024 * 1024
/** Of a longer one, the beginning and the end are kept: usage stands in one of them. */
const windowBytes = 64 * 1024

/** Makes a reading of a parsed body. */
export type AnswerReader = (body: JsonObject) => Reading

/** The meter of an answer that is one JSON body. */
export class JsonAnswerMeter implements Meter {
  readonly #read: AnswerReader
  readonly #contentLength: number | undefined
  #held: Buffer[] = []
  #bytes = 0
  #passing = false
  #front: Buffer | undefined
  readonly #backs: Buffer[] = []
  #backBytes = 0
  #body: Buffer | undefined
  #value: JsonObject | 'no JSON object' | undefined
  #reading: Reading | undefined

  constructor(read: AnswerReader, contentLength: string | string[] | undefined) {
    this.#read = read
    this.#contentLength = typeof contentLength === 'string' ? Number(contentLength) : undefined
  }

  get began(): boolean {
    return this.#bytes > 0
  }

  get ending(): boolean {
    return false
  }

  get complete(): boolean {
    if (!this.#passing) return this.#parsed !== undefined
    if (this.#contentLength !== undefined) return this.#bytes === this.#contentLength
    return /[}\]]\s*$/.test(this.#back.subarray(-64).toString('latin1'))
  }

  readonly streamed = false

  get error(): Buffer | undefined {
    return !this.#passing && this.reading().error !== undefined ? this.#whole() : undefined
  }

  readonly events = 0

  /** Nothing of a whole answer is known before its end. */
  get running(): number {
    return 0
  }

  write(chunk: Buffer): Buffer | undefined {
    this.#bytes += chunk.length
    if (this.#passing) {
      this.#keepBack(chunk)
      return chunk
    }
    this.#held.push(chunk)
    if (this.#bytes <= heldBytesMax) return undefined
    const held = Buffer.concat(this.#held)
    this.#held = []
    this.#passing = true
    this.#front = Buffer.from(held.subarray(0, windowBytes))
    this.#keepBack(Buffer.from(held.subarray(-windowBytes)))
    return held
  }

  /** Keeps whole chunks, dropping from the front what the window does without: nothing is copied for a small chunk. */
  #keepBack(chunk: Buffer): void {
    this.#backs.push(chunk)
    this.#backBytes += chunk.length
    for (let [first] = this.#backs; first && this.#backBytes - first.length >= windowBytes; [first] = this.#backs) {
      this.#backBytes -= first.length
      this.#backs.shift()
    }
  }

  get #back(): Buffer {
    return Buffer.concat(this.#backs)
  }

  tail(): Buffer | undefined {
    return this.#passing ? undefined : this.#whole()
  }

  get #parsed(): JsonObject | undefined {
    this.#value ??= parsed(this.#whole()) ?? 'no JSON object'
    return this.#value === 'no JSON object' ? undefined : this.#value
  }

  #whole(): Buffer {
    this.#body ??= this.#held.length === 1 && this.#held[0] ? this.#held[0] : Buffer.concat(this.#held)
    return this.#body
  }

  reading(): Reading {
    this.#reading ??= this.#makeReading()
    return this.#reading
  }

  #makeReading(): Reading {
    const body = this.#passing
      ? (lastMember(this.#back, 'usage') ?? (this.#front && lastMember(this.#front, 'usage')))
      : this.#parsed
    return body ? this.#read(body) : { usage: {}, source: 'none' }
  }
}

function parsed(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The last member of this name whose value is an object, taken out of a piece of JSON: `{ usage: {…} }`. */
function lastMember(piece: Buffer, name: string): JsonObject | undefined {
  const text = piece.toString('latin1')
  for (let at = text.lastIndexOf(`"${name}"`); at >= 0; at = at === 0 ? -1 : text.lastIndexOf(`"${name}"`, at - 1)) {
    const open = /^\s*:\s*\{/.exec(text.slice(at + name.length + 2, at + name.length + 34))
    if (!open) continue
    const start = at + name.length + 2 + open[0].length - 1
    for (let close = text.indexOf('}', start); close >= 0; close = text.indexOf('}', close + 1)) {
      const value = parsed(piece.subarray(start, close + 1))
      if (value) return { [name]: value }
    }
  }
  return undefined
}
