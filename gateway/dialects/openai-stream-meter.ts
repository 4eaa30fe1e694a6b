import { Fault } from '../domain/fault.ts'
import type { Reading } from '../domain/usage.ts'
import type { JsonObject } from './json-value.ts'
import type { Meter } from './meter.ts'
import type { ChoiceReader } from './openai-choice.ts'
import { eventOf, hasContent, isUsageOnly, OpenaiStreamReader } from './openai-stream-reader.ts'
import { eventEnd } from './sse.ts'

/** An event longer than this is no honest event; waiting for its end would eat the memory. */
const eventBytesMax = 4 * 1024 * 1024
/** What is kept unread before it is read in one go. Reading at the end, backwards, is what makes short streams cheap. */
const keptBytesMax = 32 * 1024
/** The last event or two, which say what was used and why it ended, and mostly are all that has to be read. */
const endBytes = 4 * 1024
/** `\r\n\r` of a blank line may have come with the chunk before. */
const blankLineBytesMax = 3

/**
 * The end of `"error"`, for the search that every chunk goes through: as bytes, beginning with a letter that is rare, and
 * too short to be prepared for. The whole name takes three times as long to find nothing.
 */
const errorEnd = Buffer.from('rror"')

/** One for all: a buffer is dear to make, even of nothing. */
const nothing: Buffer = Buffer.alloc(0)

type Kind = 'content' | 'usage' | 'terminal'

/**
 * The meter of a streamed completion, chat or plain. Only two kinds of event matter while the stream runs: the terminal one,
 * which starts the tail, and the usage-only one, which is taken out where the client did not ask for it. Everything
 * else passes at the price of finding where it ends; what was used is read afterwards.
 */
export class OpenaiStreamMeter implements Meter {
  began = false
  error: Buffer | undefined
  events = 0
  readonly streamed = true
  running = 0
  readonly #usage: 'keep' | 'drop' | 'hold'
  readonly #choice: ChoiceReader
  readonly #reader: OpenaiStreamReader
  #kept: Buffer[] = []
  #keptBytes = 0
  #readAtBytes = keptBytesMax
  #partial: Buffer[] = []
  #partialBytes = 0
  #partialEnd = nothing
  #tail: Buffer[] = []
  #heldUsage: Buffer | undefined
  #terminal = false
  #reading: Reading | undefined
  /** Where `"choices":[{` stood in the last event, and how it was spelled: it stands there in the next one too. */
  #choicesAt = -1
  #choices = nothing
  /** An error stands somewhere in what passes now: inside a string, its quotes would be escaped. */
  #suspicious = false
  /** The members of the last chunk that was looked into. */
  #usual: readonly string[] = []

  /** `usage`: what becomes of the usage-only event: kept, dropped, or held for the `tollgate` member. */
  constructor(choice: ChoiceReader, usage: 'keep' | 'drop' | 'hold') {
    this.#choice = choice
    this.#reader = new OpenaiStreamReader(choice)
    this.#usage = usage
  }

  get ending(): boolean {
    return this.#terminal
  }

  write(chunk: Buffer): Buffer | undefined {
    this.#keep(chunk)
    if (this.ending) {
      this.#tail.push(chunk)
      return undefined
    }
    if (this.#partialBytes === 0) return this.#pass(chunk)
    this.#partial.push(chunk)
    this.#partialBytes += chunk.length
    if (this.#partialBytes > eventBytesMax) {
      throw new Fault('upstream_response_too_large', 'The provider sent an event of more than 4 MiB.')
    }
    // Joining only when the event has ended keeps long ones linear: its blank line may begin in what came before.
    const seam = Buffer.concat([this.#partialEnd, chunk])
    this.#partialEnd = seam.subarray(-blankLineBytesMax)
    if (eventEnd(seam, 0) < 0) return undefined
    const bytes = Buffer.concat(this.#partial, this.#partialBytes)
    this.#partial = []
    this.#partialBytes = 0
    return this.#pass(bytes)
  }

  /** Passes whole events; the beginning of one waits for its end, because only then is it known what it is. */
  #pass(bytes: Buffer): Buffer | undefined {
    this.#suspicious = bytes.includes(errorEnd)
    let pieces: Buffer[] | undefined
    let from = 0
    let at = 0
    for (let end = eventEnd(bytes, 0); end > 0; end = eventEnd(bytes, at)) {
      const kind = this.#kindOf(bytes, at, end)
      if (kind === 'terminal') {
        this.#terminal = true
        this.#tail.push(bytes.subarray(at))
        return joined(pieces, bytes.subarray(from, at))
      }
      if (kind === 'usage' && this.#usage !== 'keep') {
        pieces ??= []
        if (at > from) pieces.push(bytes.subarray(from, at))
        from = end
        if (this.#usage === 'hold') {
          // Only the last one gets the member; one that turned out not to be goes where it was.
          if (this.#heldUsage) pieces.push(this.#heldUsage)
          this.#heldUsage = bytes.subarray(at, end)
        }
      }
      at = end
    }
    if (at < bytes.length) {
      this.#partial.push(bytes.subarray(at))
      this.#partialBytes = bytes.length - at
      this.#partialEnd = bytes.subarray(-blankLineBytesMax)
    }
    return joined(pieces, from === 0 && at === bytes.length ? bytes : bytes.subarray(from, at))
  }

  #kindOf(bytes: Buffer, at: number, end: number): Kind {
    if (bytes[at] === 0x64 && bytes[at + 6] === 0x7b && this.began) {
      this.running++
      if (!this.#suspicious && this.#choicesStand(bytes, at)) return 'content'
    }
    return this.#inspect(bytes.subarray(at, end))
  }

  /** Nothing but a key can read `"choices":[{` in JSON: inside a string its quotes would be escaped. */
  #choicesStand(bytes: Buffer, at: number): boolean {
    const choices = this.#choices
    const from = at + this.#choicesAt
    if (this.#choicesAt < 0) return false
    for (let i = 0; i < choices.length; i++) if (bytes[from + i] !== choices[i]) return false
    return true
  }

  #inspect(event: Buffer): Kind {
    const { data, value } = eventOf(event)
    if (!this.began) this.events++
    if (data?.trim() === '[DONE]') return 'terminal'
    if (value === undefined) return 'content'
    if (value['error']) this.error ??= Buffer.from(data ?? '')
    // What comes behind an error is no answer to what was asked, though it may look like one.
    if (!this.began && !this.error && hasContent(value, this.#choice)) {
      this.began = true
      this.running++
    }
    if (isUsageOnly(value, this.#usual)) {
      this.#reader.known = { bytes: event, value }
      return 'usage'
    }
    if (this.#choicesStand(event, 0) || this.#findChoices(event)) this.#usual = Object.keys(value)
    return 'content'
  }

  #findChoices(event: Buffer): boolean {
    const choices = /"choices"\s*:\s*\[\s*\{/.exec(event.toString('latin1'))
    if (!choices) return false
    this.#choicesAt = choices.index
    this.#choices = Buffer.from(choices[0])
    return true
  }

  #keep(chunk: Buffer): void {
    this.#reading = undefined
    this.#kept.push(chunk)
    this.#keptBytes += chunk.length
    if (this.#keptBytes < this.#readAtBytes) return
    const rest = this.#reader.readAll(Buffer.concat(this.#kept, this.#keptBytes))
    this.#kept = rest.length > 0 ? [rest] : []
    this.#keptBytes = rest.length
    // A long event is looked at again only when it has doubled, so reading it stays linear.
    this.#readAtBytes = Math.max(keptBytesMax, 2 * rest.length)
  }

  /** `[DONE]` without its blank line is the end all the same. */
  #endsInTerminal(): boolean {
    return this.#partialBytes < 64 && /^data: ?\[DONE\]\s*$/.test(Buffer.concat(this.#partial).toString('latin1'))
  }

  tail(member?: JsonObject): Buffer | undefined {
    const pieces = [...this.#partial, ...this.#tail]
    if (this.#heldUsage) pieces.unshift(member ? withMember(this.#heldUsage, member) : this.#heldUsage)
    return pieces.length > 0 ? Buffer.concat(pieces) : undefined
  }

  reading(): Reading {
    if (this.#keptBytes > 0) {
      // An error may stand anywhere.
      if (this.error || !this.#reader.readEnd(this.#keptEnd())) {
        this.#reader.readToEnd(Buffer.concat(this.#kept, this.#keptBytes))
      }
      this.#kept = []
      this.#keptBytes = 0
    }
    this.#reading ??= this.#reader.reading(this.#terminal)
    return this.#reading
  }

  #keptEnd(): Buffer {
    let from = this.#kept.length
    for (let bytes = 0; from > 0 && bytes < endBytes; bytes += this.#kept[from]?.length ?? 0) from--
    return Buffer.concat(this.#kept.slice(from))
  }

  get complete(): boolean {
    const { finish, error } = this.reading()
    return error === undefined && (this.#terminal || finish !== undefined || this.#endsInTerminal())
  }
}

function joined(pieces: Buffer[] | undefined, last: Buffer): Buffer | undefined {
  if (pieces === undefined) return last.length > 0 ? last : undefined
  if (last.length > 0) pieces.push(last)
  return pieces.length > 0 ? Buffer.concat(pieces) : undefined
}

/** The event with the member in front of its object's closing brace. */
function withMember(event: Buffer, member: JsonObject): Buffer {
  const close = event.lastIndexOf(0x7d)
  return Buffer.concat([
    event.subarray(0, close),
    Buffer.from(`,"tollgate":${JSON.stringify(member)}`),
    event.subarray(close),
  ])
}
