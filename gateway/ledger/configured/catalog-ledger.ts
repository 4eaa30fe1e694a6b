import { setTimeout as sleep } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/postgres-js'
import type { PriceOverride } from '../../domain/price-override.ts'
import type { Database } from '../database.ts'
import { catalogVersion } from './catalog-state.ts'
import { listConnections, type StoredConnection } from './connections.ts'
import { listKeys, type StoredKey } from './keys.ts'
import { listOverrides } from './price-overrides.ts'

/** What the catalog is made of here, at one version or a newer one. */
export interface CatalogRows {
  readonly version: bigint
  readonly keys: readonly StoredKey[]
  readonly connections: readonly StoredConnection[]
  readonly overrides: readonly PriceOverride[]
}

const silent = Symbol('silent')

/**
 * The ledger's part of the catalog, for one who asks for it again and again. It has a session of its own, so that no
 * report that people wait for can hold up a revoked key, and gives up on a server that says nothing.
 */
export class CatalogLedger {
  readonly #database: Database
  readonly #patienceMs: number
  #session: Session

  constructor(database: Database, patienceMs = 2_000) {
    this.#database = database
    this.#patienceMs = patienceMs
    this.#session = sessionOf(database)
  }

  version(): Promise<bigint> {
    return this.#answered(({ sql }) => catalogVersion(sql))
  }

  rows(): Promise<CatalogRows> {
    return this.#answered(async (session) => {
      // First: what is read after it is at least as new, so a change in between is seen as another version later.
      const version = await catalogVersion(session.sql)
      const keys = await listKeys(session)
      const connections = await listConnections(session)
      return { version, keys, connections, overrides: await listOverrides(session) }
    })
  }

  async close(): Promise<void> {
    await this.#session.sql.end({ timeout: 1 })
  }

  /** A silent session would stay silent; the next question gets another. */
  async #answered<T>(ask: (session: Session) => Promise<T>): Promise<T> {
    const asked = this.#session
    const answer = ask(asked)
    const waiting = new AbortController()
    const silence = sleep(this.#patienceMs, silent, { signal: waiting.signal, ref: false })
    try {
      const first = await Promise.race([answer, silence])
      if (first !== silent) return first
    } finally {
      waiting.abort()
      silence.catch(() => {})
    }
    answer.catch(() => {})
    if (this.#session === asked) this.#session = sessionOf(this.#database)
    await asked.sql.end({ timeout: 0 })
    throw new Error(`PostgreSQL did not answer within ${this.#patienceMs} ms.`)
  }
}

type Session = Pick<Database, 'sql' | 'orm'>

function sessionOf(database: Database): Session {
  const sql = database.client(1)
  return { sql, orm: drizzle(sql) }
}
