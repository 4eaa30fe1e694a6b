import type { Clock } from '../domain/clock.ts'
import { writeAudit } from './audit.ts'
import type { Database } from './database.ts'
import { failureOf } from './failure.ts'
import { reading } from './reading.ts'
import { become, everyOrg, scoped, type Transaction } from './roles.ts'

/** Which organisations a login of a BI tool may see; `*` is every one. */
export interface BiAccess {
  readonly login: string
  readonly orgs: readonly string[]
  /** What is missing before the login can use it, as the SQL that an administrator runs. */
  readonly missing: string | undefined
}

/** Whether a change was one, and what an administrator has to do besides. */
export interface BiChange {
  readonly changed: boolean
  readonly missing: string | undefined
}

/** All logins that were given something, by name. */
export async function listBiAccess(database: Database): Promise<readonly BiAccess[]> {
  return reading(database, everyOrg, async (sql) => {
    const rows = await sql<{ login: string; orgs: string[]; state: LoginState }[]>`
      SELECT login, to_jsonb(array_agg(org_id ORDER BY org_id)) AS orgs, ${stateOf(sql)} AS state
      FROM tollgate.bi_access GROUP BY login ORDER BY login`
    return rows.map(({ login, orgs, state }) => ({ login, orgs, missing: missingFor(login, state) }))
  })
}

/** Lets a login see these organisations besides those it sees, and makes it a member of the role where we may. */
export async function grantBi(
  database: Database,
  clock: Clock,
  actor: string,
  { login, orgs }: Pick<BiAccess, 'login' | 'orgs'>,
): Promise<BiChange> {
  const changed = await asInstallation(database, async (tx) => {
    const added = await tx<{ org: string }[]>`
      INSERT INTO tollgate.bi_access (login, org_id)
      SELECT ${login}, org FROM jsonb_array_elements_text(${JSON.stringify(orgs)}::text::jsonb) AS org
      ON CONFLICT DO NOTHING RETURNING org_id AS org`
    if (added.length === 0) return false
    const detail = { orgs: added.map(({ org }) => org) }
    await writeAudit(tx, clock, { actor, action: 'bi_access.granted', target: login, detail })
    return true
  })
  return { changed, missing: await joinRole(database, login) }
}

/** Takes these organisations from a login; without any named, all it has. It stays a login. */
export async function revokeBi(
  database: Database,
  clock: Clock,
  actor: string,
  { login, orgs }: Pick<BiAccess, 'login' | 'orgs'>,
): Promise<boolean> {
  return asInstallation(database, async (tx) => {
    const gone = await tx<{ org: string }[]>`
      DELETE FROM tollgate.bi_access WHERE login = ${login} AND (
        ${orgs.length} = 0 OR org_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(orgs)}::text::jsonb))
      ) RETURNING org_id AS org`
    if (gone.length === 0) return false
    const detail = { orgs: gone.map(({ org }) => org) }
    await writeAudit(tx, clock, { actor, action: 'bi_access.revoked', target: login, detail })
    return true
  })
}

async function asInstallation<T>(database: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const outcome = await database.sql.begin(async (tx) => {
    await become(tx, 'tollgate_app', scoped(everyOrg))
    return { value: await work(tx) }
  })
  return outcome.value
}

type LoginState = 'absent' | 'stranger' | 'member'

// A superuser counts as a member of everything, and sees everything anyway.
function stateOf(sql: Transaction, login = sql`login`) {
  return sql`CASE
    WHEN to_regrole(quote_ident(${login})) IS NULL THEN 'absent'
    WHEN pg_has_role(to_regrole(quote_ident(${login})), 'tollgate_bi', 'USAGE') THEN 'member'
    ELSE 'stranger' END`
}

/** In our login's own name: it is for the server to say whether that may let others in. */
async function joinRole(database: Database, login: string): Promise<string | undefined> {
  const state = await stateNow(database, login)
  if (state !== 'stranger') return missingFor(login, state)
  try {
    await database.sql.unsafe(membership(login))
    return undefined
  } catch (error) {
    if (failureOf(error).code !== '42501') throw error
    return missingFor(login, state)
  }
}

async function stateNow(database: Database, login: string): Promise<LoginState> {
  return reading(database, everyOrg, async (sql) => {
    const [row] = await sql<{ state: LoginState }[]>`SELECT ${stateOf(sql, sql`${login}::text`)} AS state`
    return row?.state ?? 'absent'
  })
}

function missingFor(login: string, state: LoginState): string | undefined {
  if (state === 'member') return undefined
  const made = state === 'absent' ? `CREATE ROLE ${quoted(login)} LOGIN PASSWORD '…'; ` : ''
  return `${made}${membership(login)};`
}

function membership(login: string): string {
  return `GRANT tollgate_bi TO ${quoted(login)}`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
