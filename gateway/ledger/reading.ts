import type postgres from 'postgres'
import type { Database } from './database.ts'

/** A piece of a statement, to be put into another. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>
export type Reader = postgres.TransactionSql<{ bigint: bigint }>

const statementTimeout = '5s'

/** A look at the ledger that changes nothing and is ended by PostgreSQL when it takes too long. */
export async function reading<T>(database: Database, look: (sql: Reader) => Promise<T>): Promise<T> {
  const outcome = await database.sql.begin('READ ONLY', async (sql) => {
    await sql.unsafe(`
      SET LOCAL statement_timeout = '${statementTimeout}';
      SET LOCAL idle_in_transaction_session_timeout = '${statementTimeout}'`)
    return { value: await look(sql) }
  })
  return outcome.value
}
