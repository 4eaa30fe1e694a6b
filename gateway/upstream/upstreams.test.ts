import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { Dispatcher } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../domain/connection.ts'
import { selfSigned } from './self-signed.fixture.ts'
import { type Upstream, Upstreams } from './upstreams.ts'

const identity = selfSigned()
const before = getCACertificates('default')
beforeAll(() => setDefaultCACertificates([...before, identity.cert]))
afterAll(() => setDefaultCACertificates(before))

type Scheme = 'http' | 'https'
/** A socket as its server has it. */
interface Asked {
  readonly socket: Socket
  /** Ends it with an RST. */
  reset(): void
}
/** What a server does with the n-th request (from 1) that comes on a socket. */
type Answer = (asked: Asked, nth: number) => void

const opened: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

const whole = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

async function startServer(scheme: Scheme, answer: Answer = ({ socket }) => void socket.write(whole)) {
  const sockets: Socket[] = []
  const plain: Socket[] = []
  const onSocket = (socket: Socket) => {
    const at = sockets.push(socket) - 1
    let requests = 0
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (!text.endsWith('{}')) return
      text = ''
      answer({ socket, reset: () => void plain[at]?.resetAndDestroy() }, ++requests)
    })
    socket.on('error', () => {})
  }
  const server: Server = scheme === 'https' ? createTlsServer(identity, onSocket) : createServer(onSocket)
  // Of TLS, the socket below it: the one that knows what an RST is.
  server.on('connection', (socket: Socket) => void plain.push(socket.on('error', () => {})))
  server.listen(0, 'localhost')
  await once(server, 'listening')
  opened.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const last = (): Asked | undefined => {
    const [socket, below] = [sockets.at(-1), plain.at(-1)]
    return socket && below && { socket, reset: () => void below.resetAndDestroy() }
  }
  return { sockets, last, baseUrl: `${scheme}://localhost:${(server.address() as AddressInfo).port}/v1` }
}

function openUpstreams(connections: readonly Connection[]): Upstreams {
  const upstreams = new Upstreams(new Map(), {})
  upstreams.serve(connections)
  opened.push(() => upstreams.close())
  return upstreams
}

const connectionTo = (baseUrl: string, more: Partial<Connection> = {}): Connection => ({
  id: 'main',
  provider: 'compatible',
  baseUrl,
  apiKey: undefined,
  apiVersion: undefined,
  headers: {},
  priority: 1,
  weight: 1,
  models: [],
  status: 'active',
  allowPrivateNetwork: true,
  trackUsage: undefined,
  onClientAbort: 'abort',
  retryAmbiguous: true,
  timeouts: { connectMs: 2_000, firstByteMs: 2_000, firstTokenMs: 2_000, idleMs: 2_000, totalMs: 2_000 },
  ...more,
})

/** A request's answer, or the error that came instead. */
function ask(upstream: Upstream, { baseUrl }: Connection): Promise<string | Error> {
  return new Promise((resolve) => {
    let text = ''
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart() {},
      onResponseData(_, chunk) {
        text += chunk.toString()
      },
      // The socket is idle some turns later.
      onResponseEnd: () => void setTimeout(() => resolve(text), 2),
      onResponseError: (_, error) => resolve(error),
    }
    upstream.dispatch({ origin: baseUrl, path: '/v1/chat', method: 'POST', body: '{}' }, handler)
  })
}

describe.each(['http', 'https'] as const)('a socket of %s that dies', (scheme) => {
  test.each<readonly [string, (asked: Asked) => void]>([
    ['with a FIN', ({ socket }) => void socket.end()],
    ['at once', ({ socket }) => void socket.destroy()],
    ['with an RST', ({ reset }) => reset()],
  ])('%s, having answered before, was idle', async (_, die) => {
    const { baseUrl, sockets } = await startServer(scheme, (asked, nth) => {
      if (nth === 1 && sockets.length === 1) asked.socket.write(whole)
      else die(asked)
    })
    const connection = connectionTo(baseUrl)
    const upstreams = openUpstreams([connection])
    expect(await ask(upstreams.of(connection), connection)).toBe('ok')
    const reused = await ask(upstreams.of(connection), connection)
    expect(reused).toBeInstanceOf(Error)
    expect(sockets).toHaveLength(1)
    expect(upstreams.diedIdle(reused)).toBe(true)

    // The same end of a socket that answered nobody says something about this request.
    const first = await ask(upstreams.of(connection), connection)
    expect(first).toBeInstanceOf(Error)
    expect(sockets).toHaveLength(2)
    expect(upstreams.diedIdle(first)).toBe(false)
  })

  test('in the middle of an answer, be it of its head, was not idle', async () => {
    const beginnings = ['HTTP/1.1 2', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no'].values()
    const { baseUrl } = await startServer(scheme, ({ socket }, nth) => {
      if (nth === 1) socket.write(whole)
      else socket.end(beginnings.next().value ?? '')
    })
    const connection = connectionTo(baseUrl)
    const upstreams = openUpstreams([connection])
    for (const _ of ['head', 'body']) {
      expect(await ask(upstreams.of(connection), connection)).toBe('ok')
      const broken = await ask(upstreams.of(connection), connection)
      expect(broken).toBeInstanceOf(Error)
      expect(upstreams.diedIdle(broken)).toBe(false)
    }
  })

  test('while a request is being written into it is known for idle, or was noticed in time', async () => {
    const { baseUrl, last } = await startServer(scheme)
    const connection = connectionTo(baseUrl)
    const upstreams = openUpstreams([connection])
    const deaths = [(asked: Asked) => asked.reset(), (asked: Asked) => void asked.socket.destroy()]
    let died = 0
    for (let round = 0; round < 60; round++) {
      const idle = last()
      // The server closes a little sooner or later than the request is written, and the client learns of it afterwards.
      const dies = async () => {
        for (let turn = 0; turn < (round >> 1) % 4; turn++) await new Promise(setImmediate)
        if (idle) deaths[round % 2]?.(idle)
      }
      const answers = await Promise.all([ask(upstreams.of(connection), connection), dies()])
      // And one that makes a new socket, or finds that the last one died after its answer.
      for (const answer of [answers[0], await ask(upstreams.of(connection), connection)]) {
        if (answer === 'ok') continue
        died++
        expect(upstreams.diedIdle(answer), String(answer)).toBe(true)
      }
    }
    expect(died).toBeGreaterThan(0)
  })
})

test('an error of something else is not the death of a socket', async () => {
  const connection = connectionTo('http://localhost:9/v1')
  const upstreams = openUpstreams([connection])
  const refused = await ask(upstreams.of(connection), connection)
  expect(refused).toBeInstanceOf(Error)
  for (const error of [refused, new Error('x'), 'x', undefined, null]) expect(upstreams.diedIdle(error)).toBe(false)
})

describe('the sockets of a connection', () => {
  test('are used again', async () => {
    const { baseUrl, sockets } = await startServer('http')
    const connection = connectionTo(baseUrl)
    const upstreams = openUpstreams([connection])
    for (let i = 0; i < 3; i++) expect(await ask(upstreams.of(connection), connection)).toBe('ok')
    expect(sockets).toHaveLength(1)
  })

  test.each(['http', 'https'] as const)(
    'are new for a request that wants one, and close behind it: %s',
    async (scheme) => {
      const { baseUrl, sockets } = await startServer(scheme)
      const connection = connectionTo(baseUrl)
      const upstreams = openUpstreams([connection])
      expect(await ask(upstreams.of(connection), connection)).toBe('ok')
      for (let i = 2; i < 5; i++) {
        expect(await ask(upstreams.of(connection, true), connection)).toBe('ok')
        expect(sockets).toHaveLength(i)
        await expect.poll(() => sockets[i - 1]?.destroyed).toBe(true)
      }
      expect(sockets[0]?.destroyed).toBe(false)
    },
  )

  test('stay open through a configuration that leaves the connection its way, whatever else changes', async () => {
    const { baseUrl, sockets } = await startServer('http')
    const connection = connectionTo(baseUrl)
    const upstreams = openUpstreams([connection])
    expect(await ask(upstreams.of(connection), connection)).toBe('ok')
    const edited = connectionTo(baseUrl, { apiKey: 'another', priority: 5, status: 'draining' })
    upstreams.serve([edited])
    expect(await ask(upstreams.of(edited), edited)).toBe('ok')
    expect(sockets).toHaveLength(1)
  })

  test('end with the last answer when the connection is gone, and no call is lost', async () => {
    let release = () => {}
    const { baseUrl, sockets } = await startServer('http', ({ socket }) => {
      release = () => {
        socket.write(whole)
      }
      if (sockets.length > 1) release()
    })
    const connection = connectionTo(baseUrl)
    const upstreams = openUpstreams([connection])
    const underWay = ask(upstreams.of(connection), connection)
    await expect.poll(() => sockets.length).toBe(1)
    await sleep(20)
    const releaseFirst = release
    upstreams.serve([])
    await sleep(50)
    expect(sockets[0]?.destroyed).toBe(false)

    // A call of before may try once more: by a socket of its own, for the pool takes nobody any more.
    expect(await ask(upstreams.of(connection), connection)).toBe('ok')
    await expect.poll(() => sockets[1]?.destroyed).toBe(true)
    releaseFirst()
    expect(await underWay).toBe('ok')
    await expect.poll(() => sockets[0]?.destroyed).toBe(true)
  })

  test('lead where the call was told, also when the connection leads elsewhere by now', async () => {
    const [old, next] = [await startServer('http'), await startServer('http')]
    const [was, is] = [connectionTo(old.baseUrl), connectionTo(next.baseUrl)]
    const upstreams = openUpstreams([was])
    expect(await ask(upstreams.of(was), was)).toBe('ok')
    upstreams.serve([is])
    expect(await ask(upstreams.of(is), is)).toBe('ok')
    expect(await ask(upstreams.of(was), was)).toBe('ok')
    expect([old.sockets.length, next.sockets.length]).toEqual([2, 1])
  })

  test('are forbidden again once the connection may not lead into the own network any more', async () => {
    const { baseUrl } = await startServer('http')
    const connection = connectionTo(baseUrl)
    const upstreams = openUpstreams([connection])
    expect(await ask(upstreams.of(connection), connection)).toBe('ok')
    const confined = connectionTo(baseUrl, { allowPrivateNetwork: false })
    upstreams.serve([confined])
    expect(await ask(upstreams.of(confined), confined)).toMatchObject({ code: 'FORBIDDEN_ADDRESS' })
    expect(await ask(upstreams.of(confined, true), confined)).toMatchObject({ code: 'FORBIDDEN_ADDRESS' })
  })

  test('are cut when the gateway closes, those that were leaving as well', async () => {
    const { baseUrl, sockets } = await startServer('http', () => {})
    const connection = connectionTo(baseUrl)
    const upstreams = openUpstreams([connection])
    const asked = [ask(upstreams.of(connection), connection), ask(upstreams.of(connection, true), connection)]
    await expect.poll(() => sockets.length).toBe(2)
    upstreams.serve([])
    await upstreams.close()
    expect(await Promise.all(asked)).toEqual([expect.any(Error), expect.any(Error)])
  })
})
