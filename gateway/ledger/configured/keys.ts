import { and, asc, eq, isNull } from 'drizzle-orm'
import type { Clock } from '../../domain/clock.ts'
import { type Uuid, uuidV7 } from '../../domain/id.ts'
import type { Database } from '../database.ts'
import { asApp } from '../roles.ts'
import { keys, type SubjectLimits } from '../schema.ts'

/** A key as the ledger keeps it. */
export interface StoredKey {
  readonly id: Uuid
  /** What rows and people call it. */
  readonly slug: string
  /** SHA-256 of the secret, in base64. */
  readonly secretSha256: string
  /** The part of the secret that may be shown. */
  readonly hint: string
  readonly orgId: string
  readonly userId: string | null
  readonly feature: string | null
  readonly models: readonly string[]
  readonly allowClientIdentity: boolean
  readonly limits: SubjectLimits
  readonly trackUsage: boolean | null
  readonly createdAt: Date
  readonly expiresAt: Date | null
  /** Refused since then; the row stays, because usage names it. */
  readonly revokedAt: Date | null
}

export interface NewKey {
  readonly slug: string
  readonly secretSha256: string
  readonly hint: string
  readonly orgId: string
  readonly userId?: string
  readonly feature?: string
  readonly models: readonly string[]
  readonly allowClientIdentity?: boolean
  readonly limits?: SubjectLimits
  readonly trackUsage?: boolean
  readonly expiresAt?: Date
}

/** The keys that were not revoked, oldest first. */
export async function listKeys(database: Pick<Database, 'orm'>): Promise<readonly StoredKey[]> {
  return asApp(database.orm, (orm) =>
    orm.select().from(keys).where(isNull(keys.revokedAt)).orderBy(asc(keys.createdAt), asc(keys.slug)),
  )
}

/** By its slug, revoked or not. */
export async function findKey(database: Database, slug: string): Promise<StoredKey | undefined> {
  const [key] = await asApp(database.orm, (orm) => orm.select().from(keys).where(eq(keys.slug, slug)))
  return key
}

/** The key as stored; `undefined` where the slug or the secret is taken, also by a revoked key. */
export async function insertKey(database: Database, clock: Clock, key: NewKey): Promise<StoredKey | undefined> {
  const now = clock.now()
  const [stored] = await asApp(database.orm, (orm) =>
    orm
      .insert(keys)
      .values({ ...key, models: [...key.models], id: uuidV7(now), createdAt: new Date(now) })
      .onConflictDoNothing()
      .returning(),
  )
  return stored
}

/** Whether there was such a key that was not revoked before. */
export async function revokeKey(database: Database, clock: Clock, slug: string): Promise<boolean> {
  const revoked = await asApp(database.orm, (orm) =>
    orm
      .update(keys)
      .set({ revokedAt: new Date(clock.now()) })
      .where(and(eq(keys.slug, slug), isNull(keys.revokedAt)))
      .returning({ slug: keys.slug }),
  )
  return revoked.length > 0
}
