/** Whose fault a failed attempt was, and what follows from it. */
export interface Verdict {
  /** `caller`: the request was wrong. `connection`: it is ill. `credential`: ours was refused. `limit`: the provider's own limit. */
  readonly fault: 'caller' | 'connection' | 'credential' | 'limit'
  /** Another connection may answer. */
  readonly failover: boolean
  /** How long the provider asked us to stay away. */
  readonly cooldownMs?: number
}
