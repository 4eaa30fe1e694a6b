import { sql as statement } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type postgres from 'postgres'

/**
 * What the process may be for the length of a transaction; `migrations/0003_roles.sql` says what each may do. The login
 * is whoever the operator chose, an administrator perhaps: nothing but migrations is done in its name.
 */
export type Role = 'tollgate_owner' | 'tollgate_ingest' | 'tollgate_app'

/** A transaction of the driver's own. */
export type Transaction = postgres.TransactionSql<{ bigint: bigint }>

/** Whose rows are looked at: the database itself shows no others. */
export interface Scope {
  readonly org: string
  /** Of that organisation this user's alone. */
  readonly user?: string
}

/** Every organisation. No organisation can have this name. */
export const everyOrg: Scope = { org: '*' }

/** Until the transaction ends, and no longer: the session may be another's a moment later. */
export async function become(tx: Transaction, role: Role, settings: Settings = {}): Promise<void> {
  await tx`
    SELECT set_config(name, value, true)
    FROM jsonb_each_text(${JSON.stringify({ ...settings, role })}::text::jsonb) AS setting (name, value)`
}

/** PostgreSQL's settings, as text. */
type Settings = Readonly<Record<string, string>>

/** The settings that stand for a scope. */
export function scoped({ org, user = '' }: Scope): Settings {
  return { 'tollgate.org': org, 'tollgate.user': user }
}

type OrmTransaction = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0]

/** Work on what is configured, which belongs to the whole installation. */
export function asApp<T>(orm: PostgresJsDatabase, work: (tx: OrmTransaction) => Promise<T>): Promise<T> {
  return orm.transaction(async (tx) => {
    await tx.execute(
      statement`SELECT set_config('role', 'tollgate_app', true), set_config('tollgate.org', ${everyOrg.org}, true)`,
    )
    return work(tx)
  })
}
