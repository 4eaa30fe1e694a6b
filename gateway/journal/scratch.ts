import { bytesMax, encode } from './records.ts'

const usualBytes = 256 * 1024

/** Lines that go to the disk together. */
export class Scratch {
  #buffer = Buffer.allocUnsafe(usualBytes)
  /** Bytes that are gathered. */
  used = 0

  add(letter: number, json: string): void {
    const needed = this.used + bytesMax(json)
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(2 * needed)
      this.#buffer.copy(larger, 0, 0, this.used)
      this.#buffer = larger
    }
    this.used = encode(letter, json, this.#buffer, this.used)
  }

  /** What is gathered, until the next line is added. */
  take(): Buffer {
    const lines = this.#buffer.subarray(0, this.used)
    this.used = 0
    // A record of many megabytes is rare; its room is not kept.
    if (this.#buffer.length > 16 * usualBytes) this.#buffer = Buffer.allocUnsafe(usualBytes)
    return lines
  }
}
