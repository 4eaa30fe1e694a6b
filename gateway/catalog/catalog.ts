import type { Candidate, Connection } from '../domain/connection.ts'
import type { Identity, Key } from '../domain/key.ts'
import type { Limit } from '../domain/limit.ts'
import type { Settings } from '../domain/settings.ts'

/** What is configured, from every source: the file, the ledger's tables, the box. */
export interface Declared {
  readonly connections: readonly Connection[]
  readonly keys: readonly Key[]
  readonly limits: readonly LimitRule[]
  /** Virtual models: what clients may ask for, and the models that stand behind it, in order. */
  readonly models: ReadonlyMap<string, readonly string[]>
  readonly settings: Settings
}

/**
 * A limit as declared: on one subject, or (`each`) on every subject of its scope by itself: of one organisation where
 * `org` is set, of one name in whatever organisation where `named` is. Where several rules meet on one subject and
 * measure, the one that says most about the subject holds, so `user:ana` may have more than `user:*`.
 */
export type LimitRule =
  | { readonly limit: Limit }
  | {
      readonly each: Omit<Limit, 'id' | 'subject'>
      readonly org: string | undefined
      readonly named?: string
    }

/** One immutable snapshot: a call sees the same one from admission to settlement. */
export interface Catalog {
  readonly version: number
  readonly connections: readonly Connection[]
  readonly settings: Settings
  /** Whether this connection, perhaps of an earlier snapshot, is still at the same address with the same credential. */
  stands(connection: Connection): boolean
  /** By the SHA-256 of its secret, in base64. */
  key(hash: string): Key | undefined
  keyNamed(id: string): Key | undefined
  /**
   * Who serves the model, lowest priority number first; connections that are off are left out. A virtual model's
   * members come in their order, whatever the priorities: hence ranks, which a sort by priority would undo.
   */
  candidates(model: string): readonly Candidate[]
  /** This one connection for the model, on or off; `undefined` where there is none such or it does not serve it. */
  candidateOn(connectionId: string, model: string): Candidate | undefined
  /** The caller's own limits on a call to this model: key, user, organisation, feature, model, everyone. */
  limits(key: Key, identity: Identity, model: string): readonly Limit[]
  connectionLimits(connectionId: string): readonly Limit[]
  /** Every model name that can be listed: names without a pattern, and virtual ones. */
  models(): readonly ListedModel[]
}

export interface ListedModel {
  readonly id: string
  readonly ownedBy: string
}
