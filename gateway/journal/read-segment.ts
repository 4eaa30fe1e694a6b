import { open } from 'node:fs/promises'
import { type Decoded, decode } from './records.ts'

/** Some 300 records: a few milliseconds of parsing, which is as long as the loop may be held. */
const chunkBytes = 1 << 18

export interface Chunk extends Decoded {
  /** Where the next chunk begins. */
  readonly end: number
  /** Nothing lies behind it. */
  readonly last: boolean
}

/** Reads whole lines of a segment from `start`, not past `limit`; what follows the last line break comes with the last chunk. */
export async function readChunk(path: string, start: number, limit = Number.POSITIVE_INFINITY): Promise<Chunk> {
  const file = await open(path, 'r')
  try {
    for (let wanted = chunkBytes; ; wanted *= 2) {
      const bytes = Buffer.allocUnsafe(Math.min(wanted, limit - start))
      const filled = await fill(file, bytes, start)
      const last = filled < bytes.length || start + filled >= limit
      const whole = last ? filled : bytes.lastIndexOf(0x0a, filled - 1) + 1
      // A line longer than the chunk: once more, with a larger one.
      if (whole === 0 && !last) continue
      return { ...decode(bytes.subarray(0, whole)), end: start + whole, last }
    }
  } finally {
    await file.close()
  }
}

async function fill(file: Awaited<ReturnType<typeof open>>, bytes: Buffer, start: number): Promise<number> {
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}
