/**
 * Reads HTTP/1.1 messages off a socket, requests or answers alike, cut anywhere. A message is a head, then a body: of a
 * stated length, or in chunks, each a size line, its bytes and a line end, the last of size 0 and followed by trailers.
 * The next head may follow at once.
 *
 * The bench has its own reader because a full HTTP client costs more CPU than the proxies it is to measure.
 */
export class MessageReader {
  readonly #on: MessageEvents
  #state: 'head' | 'sized' | 'size' | 'chunk' | 'chunk end' | 'trailer' = 'head'
  #left = 0
  #carry: Buffer | undefined

  constructor(on: MessageEvents) {
    this.#on = on
  }

  /** Throws where the bytes are no HTTP message; the socket is of no use after that. */
  write(bytes: Buffer): void {
    const all = this.#carry === undefined ? bytes : Buffer.concat([this.#carry, bytes])
    this.#carry = undefined
    let at = 0
    while (at < all.length) {
      const next = this.#state === 'sized' || this.#state === 'chunk' ? this.#payload(all, at) : this.#line(all, at)
      if (next === undefined) {
        this.#carry = all.subarray(at)
        return
      }
      at = next
    }
  }

  #payload(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left)
    this.#left -= end - at
    this.#on.body(bytes, at, end)
    if (this.#left === 0) {
      if (this.#state === 'chunk') this.#state = 'chunk end'
      else this.#finish()
    }
    return end
  }

  /** Reads what ends with a line end; `undefined`: that end has not come yet. */
  #line(bytes: Buffer, at: number): number | undefined {
    const mark = this.#state === 'head' ? headEnd : lineEnd
    const end = bytes.indexOf(mark, at)
    if (end === -1) {
      if (bytes.length - at > headBytesMax) throw new Error('a head without an end')
      return undefined
    }
    const text = bytes.toString('latin1', at, end)
    if (this.#state === 'head') this.#head(text)
    else if (this.#state === 'size') this.#size(text)
    else if (this.#state === 'chunk end') this.#state = 'size'
    else if (text === '') this.#finish()
    return end + mark.length
  }

  #head(text: string): void {
    this.#on.head(text)
    if (/\r\ntransfer-encoding: *chunked/i.test(text)) {
      this.#state = 'size'
      return
    }
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
    if (length === undefined) throw new Error('a message without a length')
    this.#left = Number(length)
    if (this.#left > 0) this.#state = 'sized'
    else this.#finish()
  }

  #size(text: string): void {
    this.#left = Number.parseInt(text, 16)
    if (Number.isNaN(this.#left)) throw new Error('a chunk without a size')
    this.#state = this.#left > 0 ? 'chunk' : 'trailer'
  }

  #finish(): void {
    this.#state = 'head'
    this.#on.end()
  }
}

export interface MessageEvents {
  /** Start line and header lines, without the empty line. */
  head(text: string): void
  /** Payload stands in `bytes` from `start` to `end`. Not a slice: this runs for every chunk. */
  body(bytes: Buffer, start: number, end: number): void
  end(): void
}

const headEnd = Buffer.from('\r\n\r\n')
const lineEnd = Buffer.from('\r\n')
const headBytesMax = 65_536
