import { type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici'
import type { Connection } from '../domain/connection.ts'
import { guardedConnector } from './guarded-connector.ts'

/** Below what providers keep idle sockets for, so that we are the ones who close them and no request meets a dead one. */
const keepAliveMs = 4_000

/** Sockets to providers: a pool for each connection, opened at its first call and kept. */
export class Upstreams {
  readonly #socketPaths: ReadonlyMap<string, string>
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #pools = new Map<string, Dispatcher>()

  /** `socketPaths` names the origins that are behind a unix socket of ours. */
  constructor(socketPaths: ReadonlyMap<string, string>, env: Readonly<Record<string, string | undefined>>) {
    this.#socketPaths = socketPaths
    this.#env = env
  }

  of(connection: Connection): Dispatcher {
    let pool = this.#pools.get(connection.id)
    if (!pool) {
      pool = this.#open(connection)
      this.#pools.set(connection.id, pool)
    }
    return pool
  }

  #open(connection: Connection): Dispatcher {
    const { origin } = new URL(connection.baseUrl)
    const socketPath = this.#socketPaths.get(origin)
    if (socketPath !== undefined) return new Pool(origin, { ...options, socketPath })
    const connect = guardedConnector(connection)
    const proxy = this.#env['HTTPS_PROXY'] ?? this.#env['https_proxy']
    // Behind a proxy it is the proxy that resolves names; which addresses it may reach is its own policy.
    return proxy ? new EnvHttpProxyAgent(options) : new Pool(origin, { ...options, connect })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }
}

const options = { allowH2: false, pipelining: 1, keepAliveTimeout: keepAliveMs } as const
