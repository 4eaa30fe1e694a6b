/** An error body is read up to here, so that whoever caused it gets it whole, and waited for this long. */
const bytesMax = 1024 * 1024
export const errorBodyMs = 2_000

/** What a provider says behind the head of an error. */
export class ErrorBody {
  readonly #chunks: Buffer[] = []
  #bytes = 0

  /** Whether that is as much as is read. */
  add(chunk: Buffer): boolean {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    return this.#bytes > bytesMax
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}
