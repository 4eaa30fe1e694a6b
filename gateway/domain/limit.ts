export type Scope = 'connection' | 'key' | 'user' | 'org' | 'feature' | 'model' | 'global'
export type Measure = 'requests' | 'tokens' | 'concurrency'

/** One limit on one subject. */
export interface Limit {
  /** Unique and stable: `key:dev:requests:60000`. Counters are kept under it, so an edit of `max` keeps what was used. */
  readonly id: string
  readonly scope: Scope
  readonly subject: string
  readonly measure: Measure
  /** Length of the sliding window; 0 for concurrency, which has none. */
  readonly windowMs: number
  readonly max: number
}

/** An amount to be set aside under a limit: requests, tokens, or 1 for a place. */
export interface Hold {
  readonly limit: Limit
  readonly amount: number
}

export function limitOf(scope: Scope, subject: string, measure: Measure, max: number): Limit {
  const windowMs = measure === 'concurrency' ? 0 : 60_000
  return { id: `${scope}:${subject}:${measure}:${windowMs}`, scope, subject, measure, windowMs, max }
}
