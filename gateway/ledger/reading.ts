import type postgres from 'postgres'
import type { Database } from './database.ts'
import { become, type Scope, scoped, type Transaction } from './roles.ts'

/** A piece of a statement, to be put into another. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>
export type Reader = Transaction

/**
 * A look at what this scope may see. It changes nothing, sees one moment throughout, and is ended by PostgreSQL when one
 * statement takes too long.
 */
export async function reading<T>(
  database: Pick<Database, 'sql'>,
  scope: Scope,
  look: (sql: Reader) => Promise<T>,
  statementTimeout = '5s',
): Promise<T> {
  const outcome = await database.sql.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (sql) => {
    await become(sql, 'tollgate_app', {
      ...scoped(scope),
      statement_timeout: statementTimeout,
      idle_in_transaction_session_timeout: statementTimeout,
    })
    return { value: await look(sql) }
  })
  return outcome.value
}
