import { bucketAt, bucketMsOf, leavesAt, oldestCounted } from '../windows.ts'
import type { Charge, Counter } from './counter.ts'

/**
 * One sub-bucket that something was taken in. A charge keeps it, so a late settlement still finds the place of its
 * start; once `counted` is false the window has moved on and the correction concerns nobody.
 */
interface Bucket {
  readonly number: number
  used: number
  held: number
  counted: boolean
  next: Bucket | undefined
}

/** A counter of requests or tokens: the sub-buckets in use, oldest first, and the sums over them. */
export class SlidingWindow implements Counter {
  used = 0
  held = 0
  readonly #windowMs: number
  readonly #bucketMs: number
  #oldest: Bucket | undefined
  #newest: Bucket | undefined

  constructor(windowMs: number) {
    this.#windowMs = windowMs
    this.#bucketMs = bucketMsOf(windowMs)
  }

  get idle(): boolean {
    return this.#oldest === undefined
  }

  slide(now: number): void {
    if (this.#oldest === undefined) return
    const oldestCountedNumber = oldestCounted(now, this.#windowMs, this.#bucketMs)
    while (this.#oldest !== undefined && this.#oldest.number < oldestCountedNumber) {
      this.#oldest.counted = false
      this.used -= this.#oldest.used
      this.held -= this.#oldest.held
      this.#oldest = this.#oldest.next
    }
    if (this.#oldest === undefined) this.#newest = undefined
  }

  take(amount: number, now: number): Charge {
    const bucket = this.#bucketOf(now)
    this.add(bucket, amount, amount)
    return new WindowCharge(this, bucket, amount)
  }

  goneInMs(excess: number, now: number): number {
    let gone = 0
    for (let bucket = this.#oldest; bucket !== undefined; bucket = bucket.next) {
      gone += bucket.used
      if (gone >= excess) return this.#leavesAt(bucket) - now
    }
    return this.#windowMs
  }

  emptyInMs(now: number): number {
    let last = this.#newest
    if (last?.used === 0) {
      last = undefined
      for (let bucket = this.#oldest; bucket !== undefined; bucket = bucket.next) if (bucket.used > 0) last = bucket
    }
    return last === undefined ? 0 : this.#leavesAt(last) - now
  }

  /** For its own charges. */
  add(bucket: Bucket, used: number, held: number): void {
    bucket.used += used
    bucket.held += held
    if (!bucket.counted) return
    this.used += used
    this.held += held
  }

  #bucketOf(now: number): Bucket {
    const number = bucketAt(now, this.#bucketMs)
    const newest = this.#newest
    if (newest?.number === number) return newest
    const bucket: Bucket = { number, used: 0, held: 0, counted: true, next: undefined }
    if (newest === undefined) this.#oldest = bucket
    else newest.next = bucket
    this.#newest = bucket
    return bucket
  }

  #leavesAt(bucket: Bucket): number {
    return leavesAt(bucket.number, this.#windowMs, this.#bucketMs)
  }
}

class WindowCharge implements Charge {
  readonly #window: SlidingWindow
  readonly #bucket: Bucket
  readonly #amount: number
  #held: number

  constructor(window: SlidingWindow, bucket: Bucket, amount: number) {
    this.#window = window
    this.#bucket = bucket
    this.#amount = amount
    this.#held = amount
  }

  settle(spent: number): void {
    this.#window.add(this.#bucket, spent - this.#amount, -this.#held)
    this.#held = 0
  }

  lapse(): void {
    this.#window.add(this.#bucket, 0, -this.#held)
    this.#held = 0
  }
}
