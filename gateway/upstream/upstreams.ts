import { Client, type Dispatcher, EnvHttpProxyAgent, Pool } from 'undici'
import type { Connection } from '../domain/connection.ts'
import { guardedConnector } from './guarded-connector.ts'
import { SocketLives } from './socket-lives.ts'

/** Below what providers keep idle sockets for, so that we are the ones who close them and no request meets a dead one. */
const keepAliveMs = 4_000
const options = { allowH2: false, pipelining: 1, keepAliveTimeout: keepAliveMs } as const

/** What a request is sent through. */
export type Upstream = Pick<Dispatcher, 'dispatch'>

/**
 * Sockets to providers: a pool for each connection that is there, opened at its first call and kept for as long as the
 * connection leads to the same place in the same way. A call that began under an earlier configuration is served by it
 * to its end: a pool whose connection is gone takes no more calls and ends with its last one, and a connection that is
 * not there any more gets a socket for each request.
 */
export class Upstreams {
  readonly #socketPaths: ReadonlyMap<string, string>
  readonly #proxied: boolean
  readonly #lives = new SocketLives()
  readonly #pools = new Map<string, Dispatcher>()
  /** Takes no more requests; closed when those under way are answered. */
  readonly #leaving = new Set<Dispatcher>()
  #ways: ReadonlySet<string> = new Set()

  /** `socketPaths` names the origins that are behind a unix socket of ours. */
  constructor(socketPaths: ReadonlyMap<string, string>, env: Readonly<Record<string, string | undefined>>) {
    this.#socketPaths = socketPaths
    this.#proxied = Boolean(env['HTTPS_PROXY'] ?? env['https_proxy'])
  }

  /** From now on these are the connections that are there. */
  serve(connections: readonly Connection[]): void {
    this.#ways = new Set(connections.map(wayOf))
    for (const [way, pool] of this.#pools) {
      if (this.#ways.has(way)) continue
      this.#pools.delete(way)
      this.#leave(pool)
    }
  }

  /** `fresh` asks for a new socket, which serves one request. */
  of(connection: Connection, fresh = false): Upstream {
    const way = wayOf(connection)
    if (fresh || !this.#ways.has(way))
      return { dispatch: (request, handler) => this.#once(connection, request, handler) }
    let pool = this.#pools.get(way)
    if (!pool) {
      pool = this.#open(connection, false)
      this.#pools.set(way, pool)
    }
    return pool
  }

  /** Whether the error is the end of a socket that had answered before and was found dead by this request. */
  diedIdle(error: unknown): boolean {
    return this.#lives.diedIdle(error)
  }

  async close(): Promise<void> {
    this.#lives.close()
    await Promise.all([...this.#pools.values(), ...this.#leaving].map((pool) => pool.destroy()))
  }

  #once(connection: Connection, request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const client = this.#open(connection, true)
    const taken = client.dispatch(request, handler)
    this.#leave(client)
    return taken
  }

  #leave(pool: Dispatcher): void {
    this.#leaving.add(pool)
    const gone = () => void this.#leaving.delete(pool)
    pool.close().then(gone, gone)
  }

  #open(connection: Connection, single: boolean): Dispatcher {
    const { origin } = new URL(connection.baseUrl)
    const Sockets = single ? Client : Pool
    const socketPath = this.#socketPaths.get(origin)
    if (socketPath !== undefined) return new Sockets(origin, { ...options, socketPath })
    // Behind a proxy it is the proxy that resolves names; which addresses it may reach is its own policy.
    if (this.#proxied) return new EnvHttpProxyAgent(options)
    return new Sockets(origin, { ...options, connect: guardedConnector(connection) })
  }
}

/** Spelled once, since each call asks; the string keeps its hash for the look-ups. */
const ways = new WeakMap<Connection, string>()

/** Where a connection leads and how: what its sockets depend on. One connection's sockets are no other's. */
function wayOf(connection: Connection): string {
  const known = ways.get(connection)
  if (known !== undefined) return known
  const { id, baseUrl, allowPrivateNetwork, timeouts } = connection
  const way = `${id} ${allowPrivateNetwork} ${timeouts.connectMs} ${baseUrl}`
  ways.set(connection, way)
  return way
}
