import { randomBytes } from 'node:crypto'
import type { DatabaseAddress } from '../ledger/address.ts'
import { type Database, openDatabase } from '../ledger/database.ts'
import type { TestDatabase } from './database.ts'

/** A login of a test's own: logins belong to the whole server, so it goes when the test does. */
export interface TestLogin {
  readonly name: string
  /** The test's database, in this login's name. */
  readonly address: DatabaseAddress
  readonly database: Database
  drop(): Promise<void>
}

/** Makes a login that is a member of these roles, with these attributes: `NOINHERIT CREATEROLE`. */
export async function makeLogin(
  { address, database: { sql } }: TestDatabase,
  roles: readonly string[],
  attributes = '',
): Promise<TestLogin> {
  const name = `tollgate_test_${randomBytes(6).toString('hex')}`
  const password = randomBytes(12).toString('hex')
  await sql.unsafe(`CREATE ROLE ${name} LOGIN PASSWORD '${password}' ${attributes}`)
  if (roles.length > 0) await sql.unsafe(`GRANT ${roles.join(', ')} TO ${name}`)
  const own =
    typeof address === 'string'
      ? address.replace(/^(\w+:\/\/)(?:.*@)?/s, `$1${name}:${password}@`)
      : { ...address, user: name }
  const database = openDatabase(own)
  return {
    name,
    address: own,
    database,
    async drop() {
      await database.close()
      await sql.unsafe(`DROP OWNED BY ${name}; DROP ROLE ${name}`)
    },
  }
}
