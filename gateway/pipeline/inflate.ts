import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'

const openers: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** Whether bytes of this content encoding can be read, as they are or inflated. */
export function isKnownEncoding(encoding: string | string[] | undefined): boolean {
  const name = nameOf(encoding)
  return name === 'identity' || Object.hasOwn(openers, name)
}

function nameOf(encoding: string | string[] | undefined): string {
  return String(encoding ?? 'identity')
    .trim()
    .toLowerCase()
}

/** Who takes what comes out. */
export interface Inflated {
  data(chunk: Buffer): void
  /** The compressed bytes that came are used up, so more may come. */
  more(): void
  /** All of it is out, or `error`: it is not what it says it is. */
  end(error?: Error): void
}

/**
 * Undoes the content encoding of an answer: we ask for none, and a provider that sends one all the same would be neither
 * metered nor cleaned of our credential. `undefined` where there is nothing to undo, or nobody knows how.
 */
export function inflate(encoding: string | string[] | undefined, to: Inflated): Transform | undefined {
  const inflater = openers[nameOf(encoding)]?.()
  if (!inflater) return undefined
  inflater.on('data', (chunk: Buffer) => to.data(chunk))
  inflater.on('drain', () => to.more())
  inflater.once('end', () => to.end())
  inflater.once('error', (error) => to.end(error))
  return inflater
}
