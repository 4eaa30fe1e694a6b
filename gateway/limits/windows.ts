/**
 * The arithmetic of sliding windows, shared by every store.
 *
 * Time is cut into sub-buckets, numbered from the epoch. At any moment the window reaches from the present sub-bucket
 * back to the one in which the true window began, and that oldest one is counted whole. So what is counted is never
 * less than what the true window holds (a limit is never passed), and never more than what a window one sub-bucket
 * longer holds: with 30 to a window, 30/31 = 96.8 % of a limit can be used.
 */
const bucketsPerWindow = 30

/** The length of a window's sub-buckets: 2 s for a minute. */
export function bucketMsOf(windowMs: number): number {
  return Math.max(1, Math.floor(windowMs / bucketsPerWindow))
}

/** The number of the sub-bucket that a moment lies in. */
export function bucketAt(at: number, bucketMs: number): number {
  return Math.floor(at / bucketMs)
}

/** The number of the oldest sub-bucket that still counts. */
export function oldestCounted(at: number, windowMs: number, bucketMs: number): number {
  return Math.floor((at - windowMs) / bucketMs)
}

/** The first moment at which a sub-bucket no longer counts. */
export function leavesAt(bucket: number, windowMs: number, bucketMs: number): number {
  return (bucket + 1) * bucketMs + windowMs
}
