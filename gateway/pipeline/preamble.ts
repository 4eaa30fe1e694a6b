import type { Meter } from '../dialects/meter.ts'

/** Held back of an answer without content at most; beyond it, it is taken for an answer all the same. */
const eventsMax = 64
const bytesMax = 256 * 1024

/** What came of an answer before its content: held back, so that another connection's answer can take its place. */
export class Preamble {
  readonly pieces: Buffer[] = []
  #bytes = 0

  add(piece: Buffer): void {
    this.pieces.push(piece)
    this.#bytes += piece.length
  }

  /** Whether there is no reason yet to think of this as an answer, or as none. `passed`: the meter has let something go. */
  lasts(meter: Meter, passed: boolean): boolean {
    if (!meter.streamed) return !passed
    return !meter.began && !meter.error && meter.events < eventsMax && this.#bytes < bytesMax
  }
}
