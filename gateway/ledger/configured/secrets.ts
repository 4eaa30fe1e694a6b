import { eq } from 'drizzle-orm'
import type { Database } from '../database.ts'
import { asApp } from '../roles.ts'
import { secrets } from '../schema.ts'

/** Values sealed by the master key, by name. Sealing and opening are the caller's: this never sees what is inside. */
export async function findSecret(database: Database, name: string): Promise<string | undefined> {
  const [secret] = await asApp(database.orm, (orm) => orm.select().from(secrets).where(eq(secrets.name, name)))
  return secret?.sealed
}

/** Keeps the value unless there is one by that name, and returns the one that stands: of several processes, one wins. */
export async function keepSecret(database: Database, name: string, sealed: string): Promise<string> {
  const [kept] = await asApp(database.orm, (orm) =>
    orm
      .insert(secrets)
      .values({ name, sealed })
      // Nothing changes, but the row that stands is returned.
      .onConflictDoUpdate({ target: secrets.name, set: { name } })
      .returning(),
  )
  if (!kept) throw new Error(`the secret ${name} was neither kept nor found`)
  return kept.sealed
}

/** Puts the value in the place of what was there (sealed anew under another master key). */
export async function replaceSecret(database: Database, name: string, sealed: string): Promise<void> {
  await asApp(database.orm, (orm) =>
    orm.insert(secrets).values({ name, sealed }).onConflictDoUpdate({ target: secrets.name, set: { sealed } }),
  )
}
