import { and, asc, eq, isNull } from 'drizzle-orm'
import type { Clock } from '../../domain/clock.ts'
import type { Uuid } from '../../domain/id.ts'
import type { Database } from '../database.ts'
import { asApp } from '../roles.ts'
import { connections, type StoredModels, type SubjectLimits } from '../schema.ts'

/** A connection as the ledger keeps it: the members of the configuration file, the credential sealed. */
export interface StoredConnection {
  readonly id: Uuid
  /** What rows and people call it; free again once it was removed. */
  readonly slug: string
  /** How people call it besides. */
  readonly name: string | null
  readonly provider: string
  /** `null`: the provider's own. */
  readonly baseUrl: string | null
  /** Sealed for this `id`: sealing and opening are the caller's, this never sees what is inside. */
  readonly sealedApiKey: string | null
  /** The part of the credential that may be shown. */
  readonly keyHint: string | null
  readonly apiVersion: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly priority: number
  readonly weight: number
  readonly models: StoredModels
  readonly status: 'active' | 'inactive' | 'draining'
  readonly limits: SubjectLimits
  readonly allowPrivateNetwork: boolean
  readonly trackUsage: boolean | null
  readonly createdAt: Date
  readonly updatedAt: Date
  /** Not there since then; the row stays, because usage names it. */
  readonly deletedAt: Date | null
}

type Given = Omit<StoredConnection, 'id' | 'createdAt' | 'updatedAt' | 'deletedAt'>

/** The id is the caller's, who needs it to seal the credential. */
export type NewConnection = Pick<StoredConnection, 'id' | 'slug' | 'provider'> &
  Partial<Omit<Given, 'slug' | 'provider'>>

/** What may be changed of a connection; what is absent stays. */
export type ConnectionPatch = Partial<Omit<Given, 'slug' | 'provider'>>

/** The connections that were not removed, oldest first. */
export async function listConnections(database: Pick<Database, 'orm'>): Promise<readonly StoredConnection[]> {
  return asApp(database.orm, (orm) =>
    orm
      .select()
      .from(connections)
      .where(isNull(connections.deletedAt))
      .orderBy(...age),
  )
}

/** By its slug; `undefined` also where it was removed. */
export async function findConnection(database: Database, slug: string): Promise<StoredConnection | undefined> {
  const [connection] = await asApp(database.orm, (orm) => orm.select().from(connections).where(there(slug)))
  return connection
}

/** The connection as stored; `undefined` where the slug is taken. */
export async function insertConnection(
  database: Database,
  clock: Clock,
  connection: NewConnection,
): Promise<StoredConnection | undefined> {
  const now = new Date(clock.now())
  const [stored] = await asApp(database.orm, (orm) =>
    orm
      .insert(connections)
      .values({ ...connection, createdAt: now, updatedAt: now })
      .onConflictDoNothing()
      .returning(),
  )
  return stored
}

/** The connection as it is then; `undefined` where there is none of that slug. */
export async function updateConnection(
  database: Database,
  clock: Clock,
  slug: string,
  patch: ConnectionPatch,
): Promise<StoredConnection | undefined> {
  const [stored] = await asApp(database.orm, (orm) =>
    orm
      .update(connections)
      .set({ ...patch, updatedAt: new Date(clock.now()) })
      .where(there(slug))
      .returning(),
  )
  return stored
}

/** Whether there was such a connection. Its credential goes at once, the rest of its row stays. */
export async function removeConnection(database: Database, clock: Clock, slug: string): Promise<boolean> {
  const now = new Date(clock.now())
  const removed = await asApp(database.orm, (orm) =>
    orm
      .update(connections)
      .set({ deletedAt: now, updatedAt: now, sealedApiKey: null })
      .where(there(slug))
      .returning({ slug: connections.slug }),
  )
  return removed.length > 0
}

const age = [asc(connections.createdAt), asc(connections.id)]

function there(slug: string) {
  return and(eq(connections.slug, slug), isNull(connections.deletedAt))
}
