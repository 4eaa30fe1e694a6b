/** What an attempt says of its connection: that it is well, that it is ill, or nothing. */
export type Result = 'succeeded' | 'failed' | 'other'

export type Counts = Readonly<Record<Result, number>>

const results = ['succeeded', 'failed', 'other'] as const

/**
 * Counts of what happened lately, in buckets of one length. The oldest bucket that reaches into a window counts whole,
 * so a window is longer than asked by one bucket at most; one that is longer than all buckets is as long as they are.
 */
export class WindowCounts {
  readonly #bucketMs: number
  readonly #buckets: number
  readonly #counts: Uint32Array
  /** Number of the newest bucket, counted from the epoch. */
  #newest = 0

  constructor(windowMs: number, bucketMs: number) {
    this.#bucketMs = bucketMs
    // One more, because both ends of a window fall into the middle of a bucket.
    this.#buckets = Math.ceil(windowMs / bucketMs) + 1
    this.#counts = new Uint32Array(this.#buckets * results.length)
  }

  add(result: Result, at: number): void {
    this.#turnTo(at)
    const place = this.#placeOf(this.#newest, result)
    this.#counts[place] = (this.#counts[place] ?? 0) + 1
  }

  /** What happened in the last `windowMs`. */
  within(windowMs: number, at: number): Counts {
    this.#turnTo(at)
    const counts = { succeeded: 0, failed: 0, other: 0 }
    const oldest = Math.max(Math.floor((at - windowMs) / this.#bucketMs), this.#newest - this.#buckets + 1)
    for (let bucket = oldest; bucket <= this.#newest; bucket++) {
      for (const result of results) counts[result] += this.#counts[this.#placeOf(bucket, result)] ?? 0
    }
    return counts
  }

  clear(): void {
    this.#counts.fill(0)
  }

  /** Empties the buckets between the newest and now. A clock that was set back counts on in the newest. */
  #turnTo(at: number): void {
    const bucket = Math.floor(at / this.#bucketMs)
    if (bucket <= this.#newest) return
    if (bucket - this.#newest >= this.#buckets) this.#counts.fill(0)
    else {
      for (let passed = this.#newest + 1; passed <= bucket; passed++) {
        for (const result of results) this.#counts[this.#placeOf(passed, result)] = 0
      }
    }
    this.#newest = bucket
  }

  #placeOf(bucket: number, result: Result): number {
    return (bucket % this.#buckets) * results.length + results.indexOf(result)
  }
}
