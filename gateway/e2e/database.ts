import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, inject } from 'vitest'
import { addressOfDatabase, type DatabaseAddress } from '../ledger/address.ts'
import { type Database, openDatabase } from '../ledger/database.ts'

export interface TestDatabase {
  readonly address: DatabaseAddress
  readonly database: Database
}

// Not counted: on a server that other runs use, a killed run's databases may still be there.
function fresh(): string {
  return `tollgate_test_${randomBytes(8).toString('hex')}`
}

/**
 * A migrated database of this test file's own, dropped after it. Call it at the top of the file (or of a describe), and
 * what it returns inside of tests.
 */
export function testDatabase(): () => TestDatabase {
  let current: TestDatabase | undefined
  const server = inject('postgres')
  const name = fresh()
  beforeAll(async () => {
    await run(server, `CREATE DATABASE ${name} TEMPLATE ${inject('postgresTemplate')}`)
    const address = addressOfDatabase(server, name)
    current = { address, database: openDatabase(address) }
  })
  afterAll(async () => {
    await current?.database.close()
    // By force: a test of what happens to sessions may have left some.
    await run(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  })
  return () => {
    if (!current) throw new Error('the test database is made before the tests, not while they are collected')
    return current
  }
}

/** An empty database, without a schema, for tests of the schema's making. The caller drops it. */
export async function emptyDatabase(): Promise<TestDatabase & { drop(): Promise<void> }> {
  const server = inject('postgres')
  const name = fresh()
  await run(server, `CREATE DATABASE ${name}`)
  const address = addressOfDatabase(server, name)
  const database = openDatabase(address)
  return {
    address,
    database,
    async drop() {
      await database.close()
      await run(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}

async function run(server: DatabaseAddress, statement: string): Promise<void> {
  const database = openDatabase(server)
  try {
    await database.sql.unsafe(statement)
  } finally {
    await database.close()
  }
}
