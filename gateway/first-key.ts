import { hash, randomBytes } from 'node:crypto'
import { seal, unseal } from './catalog/seal.ts'
import type { Clock } from './domain/clock.ts'
import { insertKey } from './ledger/configured/keys.ts'
import { findSecret, keepSecret } from './ledger/configured/secrets.ts'
import type { Database } from './ledger/database.ts'

/** The slug of the key that an installation begins with. */
export const firstKeySlug = 'first'

const secretName = 'first-key'

export interface FirstKey {
  readonly secret: string
  /** It was made just now. */
  readonly fresh: boolean
}

/**
 * The key an installation begins with: made once, kept sealed so that `tollgate quickstart` can show it again. Of
 * several processes that start together one makes it, and all learn of it.
 */
export async function firstKey(database: Database, masterKeys: readonly Buffer[], clock: Clock): Promise<FirstKey> {
  const before = await findSecret(database, secretName)
  if (before !== undefined) return { secret: unseal(before, secretName, masterKeys), fresh: false }
  const made = newKeySecret()
  const sealed = seal(made, secretName, masterKeys)
  const kept = await keepSecret(database, secretName, sealed)
  const secret = kept === sealed ? made : unseal(kept, secretName, masterKeys)
  await insertKey(database, clock, {
    slug: firstKeySlug,
    secretSha256: hash('sha256', secret, 'base64'),
    hint: hintOf(secret),
    orgId: 'default',
    models: ['*'],
    allowClientIdentity: true,
  })
  return { secret, fresh: kept === sealed }
}

/** `sk-tg-<public id>-<secret>`: 40 random bits to know it by, 256 to keep. */
function newKeySecret(): string {
  return `sk-tg-${randomBytes(5).toString('hex')}-${randomBytes(32).toString('base64url')}`
}

function hintOf(secret: string): string {
  return `${secret.slice(0, 16)}…${secret.slice(-4)}`
}
