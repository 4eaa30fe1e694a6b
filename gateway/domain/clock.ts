/** Time as the gateway sees it. Everything that reads time is handed one; nothing calls `Date.now()` by itself. */
export interface Clock {
  /** Milliseconds since the Unix epoch, whole. Stamps rows and names windows. */
  now(): number
  /** Milliseconds on a clock that never steps back, for durations. */
  elapsed(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
}
