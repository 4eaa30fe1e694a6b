import type { Reading, StatedError } from '../domain/usage.ts'
import { isObject, type JsonObject, word } from './json-value.ts'
import { type ChoiceReader, choicesOf } from './openai-choice.ts'
import { statedError } from './openai-error.ts'
import { keepable, readUsage, type StatedUsage } from './openai-usage.ts'
import { eventEnd, readEvent } from './sse.ts'

type Chunk = JsonObject

/** Text beyond this is not kept for the tokenizer but only measured: a thousand streams may be long at a time. */
const saidCharsMax = 64 * 1024

/** Members that any chunk may carry and that tell nothing by themselves. */
const envelope = new Set([
  'id',
  'object',
  'created',
  'model',
  'service_tier',
  'system_fingerprint',
  'obfuscation',
  'provider',
  'choices',
  'usage',
])

/**
 * A usage object, no choices, nothing else: the event that exists only because someone asked for usage. `usual` are the
 * members that this provider puts on every chunk; they make no event worth keeping.
 */
export function isUsageOnly(chunk: Chunk, usual: readonly string[] = []): boolean {
  const choices = chunk['choices']
  if (!Array.isArray(choices) || choices.length > 0 || !isObject(chunk['usage'])) return false
  return Object.keys(chunk).every((name) => envelope.has(name) || chunk[name] === null || usual.includes(name))
}

/** Something a reader would see, or the word that it is over. */
export function hasContent(chunk: Chunk, choice: ChoiceReader): boolean {
  return choicesOf(chunk).some((each) => typeof each['finish_reason'] === 'string' || choice.says(each))
}

/** An event's data, and the object that it is. One named `error` states an error even where no member says so. */
export function eventOf(bytes: Buffer): { readonly data: string | undefined; readonly value: Chunk | undefined } {
  const { name, data } = readEvent(bytes.toString())
  if (data === undefined || data.charCodeAt(0) === 0x5b) return { data, value: undefined }
  const value = parsed(data)
  return { data, value: name === 'error' && !value?.['error'] ? { error: value ?? data } : value }
}

function parsed(data: string): Chunk | undefined {
  try {
    const value: unknown = JSON.parse(data)
    return isObject(value) ? value : undefined
  } catch {
    // A malformed event is the client's to judge; it passes untouched and tells the meter nothing.
    return undefined
  }
}

/**
 * Makes a reading of the events that have passed. A short stream is read once, at its end and backwards, because usage
 * stands in one of the last events; a long one in pieces as it goes.
 */
export class OpenaiStreamReader {
  /** An event that was parsed as it passed and will most likely be read at the end. */
  known: { readonly bytes: Buffer; readonly value: Chunk } | undefined
  readonly #choice: ChoiceReader
  #usage: StatedUsage | undefined
  #rawUsage: unknown
  #finish: string | undefined
  #model: string | undefined
  #tier: string | undefined
  #error: StatedError | undefined
  #said: string[] = []
  #saidChars = 0
  #saidBeyond = 0

  constructor(choice: ChoiceReader) {
    this.#choice = choice
  }

  /** Reads every whole event; returns the bytes behind the last one. */
  readAll(bytes: Buffer): Buffer {
    let at = 0
    for (let end = eventEnd(bytes, 0); end > 0; end = eventEnd(bytes, at)) {
      this.#take(bytes.subarray(at, end))
      at = end
    }
    return bytes.subarray(at)
  }

  /** Reads what is left at the end, where all has to be read: also an event that has not come to its own end. */
  readToEnd(bytes: Buffer): void {
    const rest = this.readAll(bytes)
    if (rest.length > 0) this.#take(rest)
  }

  /**
   * Looks among the last events, whose first may be cut, for those that say what was used and why it ended, and reads
   * only them. False where they are not all there.
   */
  readEnd(bytes: Buffer): boolean {
    const usage = lastEventWith(bytes, '"usage"', 0x7b)
    if (usage === undefined) return false
    this.#take(usage)
    if (this.#finish === undefined) {
      const finish = lastEventWith(bytes, '"finish_reason"', 0x22)
      if (finish) this.#take(finish)
    }
    return this.#usage !== undefined && this.#finish !== undefined
  }

  #take(bytes: Buffer): void {
    const value = this.known?.bytes.equals(bytes) ? this.known.value : eventOf(bytes).value
    if (!value) return
    const beside = value['x_groq']
    const raw = isObject(value['usage']) ? value['usage'] : isObject(beside) ? beside['usage'] : undefined
    const usage = readUsage(raw)
    if (usage) {
      this.#usage = usage
      this.#rawUsage = keepable(raw)
    }
    this.#model = word(value['model']) ?? this.#model
    this.#tier = word(value['service_tier']) ?? this.#tier
    this.#error ??= statedError(value)
    for (const choice of choicesOf(value)) {
      this.#finish = word(choice['finish_reason']) ?? this.#finish
      this.#say(choice)
    }
  }

  #say(choice: Chunk): void {
    for (const piece of this.#choice.texts(choice)) {
      if (this.#saidChars < saidCharsMax) {
        this.#said.push(piece)
        this.#saidChars += piece.length
      } else this.#saidBeyond += piece.length
    }
  }

  reading(complete: boolean): Reading {
    const { usage, invalid, cost } = this.#usage ?? { usage: {}, invalid: false, cost: undefined }
    const whole = complete || this.#finish !== undefined
    return {
      usage,
      source: this.#usage ? (whole ? 'provider' : 'provider_partial') : 'none',
      ...(this.#usage ? { raw: this.#rawUsage } : { said: this.#said.join('') }),
      ...(!this.#usage && this.#saidBeyond > 0 && { saidBeyond: this.#saidBeyond }),
      ...(this.#finish !== undefined && { finish: this.#finish }),
      ...(this.#model !== undefined && { servedModel: this.#model }),
      ...(this.#tier !== undefined && { serviceTier: this.#tier }),
      ...(cost !== undefined && { providerCost: cost }),
      ...(invalid && { invalid }),
      ...(this.#error && { error: this.#error }),
    }
  }
}

/** The last event behind a blank line in which `name` is followed by a value that starts with `opening`. */
function lastEventWith(bytes: Buffer, name: string, opening: number): Buffer | undefined {
  for (let at = bytes.lastIndexOf(name); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(name, at - 1)) {
    let value = at + name.length
    while (bytes[value] === 0x20 || bytes[value] === 0x3a) value++
    if (bytes[value] !== opening) continue
    let from = startOfEvent(bytes, at)
    if (from === 0) return undefined
    let end = eventEnd(bytes, from)
    while (end > 0 && end <= at) {
      from = end
      end = eventEnd(bytes, from)
    }
    return bytes.subarray(from, end < 0 ? bytes.length : end)
  }
  return undefined
}

/** At or before the start of the event that holds `at`. */
function startOfEvent(bytes: Buffer, at: number): number {
  for (const blank of ['\n\n', '\r\n\r\n', '\r\r']) {
    const found = bytes.lastIndexOf(blank, at)
    if (found >= 0) return found + blank.length
  }
  return 0
}
