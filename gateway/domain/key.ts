/** A Tollgate key as the data plane knows it. The secret itself is never kept: `hash` is its SHA-256, in base64. */
export interface Key {
  /** The slug. */
  readonly id: string
  readonly hash: string
  readonly org: string
  readonly user: string | undefined
  readonly feature: string | undefined
  /** Patterns of the models it may ask for. */
  readonly models: readonly string[]
  /** Whether a call may name its own user, feature, agent and so on. */
  readonly allowClientIdentity: boolean
  /** Whether rows of its calls say who they were for; `undefined`: as its connection and the installation have it. */
  readonly trackUsage: boolean | undefined
  /** Milliseconds since the epoch; refused from then on. */
  readonly expiresAt: number | undefined
}

/** The organisation of what names none. */
export const defaultOrg = 'default'

/** The key that test calls are made with. It is built in, has no secret, and nobody can present it. */
export const selfTestKeyId = 'self-test'

/** Who a call is for and what it belongs to: columns of its row. The organisation comes from the key alone. */
export interface Identity {
  readonly org: string
  readonly user?: string
  readonly feature?: string
  readonly agent?: string
  readonly agentName?: string
  readonly framework?: string
  readonly requestType?: string
  readonly session?: string
  readonly group?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Whether the caller wants all this in the ledger; limits see it either way. */
  readonly tracked?: boolean
}
