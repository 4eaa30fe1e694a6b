import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, Server as NetServer } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { TransientSet } from '../domain/transient-set.ts'
import type { Env } from './env.ts'

const headersTimeoutMs = 15_000
const bodyTimeoutMs = 60_000
/** Longer than the idle time of the balancers people put in front, so that they close first. */
const keepAliveMs = 75_000

export interface Listener {
  /** `http://127.0.0.1:8080`. */
  readonly address: string
  /** Takes no more connections; answers under way go on, each the last on its socket. */
  stop(): void
  /** Answers that have not left this process in whole: a slow reader's too, whose call has long ended. */
  readonly answering: number
  /** Resolves when the last socket is closed. */
  readonly closed: Promise<void>
  /** Cuts what is still open. */
  cut(): void
}

/** Answers a request by Node's own objects. Never rejects. */
export type Door = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export interface Routes {
  /** By `POST /v1/…`, without a query: where calls come in. */
  readonly doors: ReadonlyMap<string, Door>
  /** Everything else. */
  readonly app: Hono<Env>
}

/** Opens the one port: data plane, and what people and probes ask for. */
export async function listen({ doors, app }: Routes, host: string, port: number): Promise<Listener> {
  const route = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  const answers = new TransientSet<ServerResponse>()
  let stopping = false
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: bodyTimeoutMs, keepAliveTimeout: keepAliveMs },
    (request, response) => {
      const place = answers.add(response)
      response.on('close', () => answers.delete(place))
      if (stopping) response.shouldKeepAlive = false
      if (isAmbiguous(request)) {
        refuse(response)
        return
      }
      const door = doors.get(`${request.method} ${pathOf(request.url)}`)
      void (door ? door(request, response) : route(request, response))
    },
  )
  // A stream may run as long as its own deadlines allow; bodies are bounded by `requestTimeout`.
  server.timeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  server.removeAllListeners('error')
  let ended: (() => void) | undefined
  const closed = new Promise<void>((resolve) => {
    ended = resolve
  })
  return {
    address: addressOf(server, host),
    stop: () => {
      stopping = true
      for (const answer of answers.values()) if (!answer.headersSent) answer.shouldKeepAlive = false
      // Not http's own `close`: it destroys a socket whose last answer has ended, and with it what of that answer still
      // waits here for a slow reader.
      NetServer.prototype.close.call(server, () => ended?.())
    },
    get answering() {
      return answers.size
    },
    closed,
    cut: () => server.closeAllConnections(),
  }
}

function pathOf(url = '/'): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

/** What parsers disagree about, and so could be smuggled past one of them: two hosts, or chunks in HTTP/1.0. */
function isAmbiguous({ rawHeaders, httpVersion, headers }: IncomingMessage): boolean {
  if (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined) return true
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts > 1
}

function refuse(response: ServerResponse): void {
  response.writeHead(400, { connection: 'close', 'content-type': 'text/plain' })
  response.end('ambiguous request\n')
}

function addressOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}
