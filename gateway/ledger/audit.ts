import type { Clock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import type { Transaction } from './roles.ts'

/**
 * Who changed what: prices, grants to BI logins, and work on usage that was recorded. Keys, connections and secrets have no
 * entries yet; nor has what the file declares.
 */
export interface AuditEntry {
  /** `cli:ana`: by which way in, and who there. */
  readonly actor: string
  /** What was done, as `<thing>.<past participle>`: `price_override.created`. */
  readonly action: string
  /** To what: an id or a slug. */
  readonly target: string
  /** The organisation whose matter it is; absent: the installation's. */
  readonly org?: string | undefined
  /** What there is to know about it, before and after; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/**
 * Writes down a change in the transaction that makes it: neither is there without the other. The transaction's role has
 * to be one that may (`tollgate_app` for every organisation, or `tollgate_ingest`).
 */
export async function writeAudit(tx: Transaction, clock: Clock, entry: AuditEntry): Promise<void> {
  const { actor, action, target, org = null, detail = {} } = entry
  const now = clock.now()
  await tx`
    INSERT INTO tollgate.audit_log (id, at, org_id, actor, action, target, detail)
    VALUES (${uuidV7(now)}, ${new Date(now)}, ${org}, ${actor}, ${action}, ${target}, ${JSON.stringify(detail)}::text::jsonb)
  `
}
