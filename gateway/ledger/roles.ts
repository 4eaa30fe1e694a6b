import { sql as statement } from 'drizzle-orm'
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type postgres from 'postgres'

/**
 * What the process may be for the length of a transaction; `migrations/0003_roles.sql` says what each may do. The login
 * is whoever the operator chose, an administrator perhaps, or one who may do nothing by itself. In its own
 * name is done only what none of the roles can do: to apply the first migrations, to hand over what the previous release
 * made, to let others into tollgate_bi, and to detach partitions while they are read, for which there is another way.
 */
export type Role = 'tollgate_owner' | 'tollgate_ingest' | 'tollgate_app'

/** A transaction of the driver's own. */
export type Transaction = postgres.TransactionSql<{ bigint: bigint }>

/** A transaction, or sessions. */
export type Asking = postgres.ISql<{ bigint: bigint }>

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

/** Who applies migrations, once there are roles: what they make has the right owner, whichever login applies them. */
export const migrationRole = 'tollgate_owner' satisfies Role

/** All that the process has to be. */
export const processRoles: readonly Role[] = ['tollgate_owner', 'tollgate_ingest', 'tollgate_app']

/** Roles that a login may not act as. */
export interface LackingRoles {
  readonly login: string
  readonly roles: readonly string[]
}

/** What lets it. */
export function grantOf({ login, roles }: LackingRoles): string {
  return `GRANT ${roles.join(', ')} TO "${login.replaceAll('"', '""')}";`
}

/** The roles that our login may not act as, though the process has to: an administrator has not let it. */
export async function lackingRoles(sql: Asking): Promise<LackingRoles> {
  const rows = await sql<{ login: string; role: string; able: boolean }[]>`
    SELECT session_user AS login, wanted AS role, coalesce(pg_has_role(session_user, oid,
      CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END
    ), false) AS able
    FROM unnest(${`{${processRoles.join(',')}}`}::text::text[]) AS wanted
    LEFT JOIN pg_roles ON rolname = wanted`
  return { login: rows[0]?.login ?? '', roles: rows.filter(({ able }) => !able).map(({ role }) => role) }
}

type OrmTransaction = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0]

/** Work on what is configured, which belongs to the whole installation. */
export function asApp<T>(orm: PostgresJsDatabase, work: (tx: OrmTransaction) => Promise<T>): Promise<T> {
  return orm.transaction(async (tx) => {
    const settings = { ...scoped(everyOrg), role: 'tollgate_app' }
    await tx.execute(
      statement`SELECT set_config(name, value, true) FROM jsonb_each_text(${JSON.stringify(settings)}::text::jsonb) AS setting (name, value)`,
    )
    return work(tx)
  })
}
