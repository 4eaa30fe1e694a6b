import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A provider on bare sockets, which can therefore do what no HTTP library lets a server do. What it does is a *play*,
 * chosen by the address that it is called at; one server gives all of them. It keeps a log of what it was asked and of
 * who hung up on it.
 */
export interface MisbehavingUpstream {
  /** A base URL at which this play is given; `role` tells apart connections that get the same one. */
  at(play: string, role: string): string
  /** What was asked in this role, in the order of coming. */
  asked(role: string): readonly Asked[]
  close(): Promise<void>
}

export interface Asked {
  readonly role: string
  /** `performance.now()` of the request's last byte. */
  readonly atMs: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: { readonly model?: string; readonly stream?: boolean; readonly user?: string }
  /** How many requests came on its socket before it. */
  readonly turn: number
  /** The body as far as it was sent, without its framing. */
  readonly said: string
  /** When the play was over. */
  readonly answeredMs: number | undefined
  /** When the other side hung up, if it did before the play was over. */
  readonly abortedMs: number | undefined
}

export type Play = (exchange: Exchange) => void | Promise<void>

export async function startMisbehavingUpstream(plays: Readonly<Record<string, Play>>): Promise<MisbehavingUpstream> {
  const log: Exchange[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    converse(socket, plays, log)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    at: (play, role) => {
      if (!plays[play]) throw new Error(`there is no play '${play}'`)
      return `http://127.0.0.1:${port}/${play}/${role}/v1`
    },
    asked: (role) => log.filter((asked) => asked.role === role),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** One request after the other on one socket, each of which is answered by its play. */
function converse(socket: Socket, plays: Readonly<Record<string, Play>>, log: Exchange[]): void {
  let received: Buffer = Buffer.alloc(0)
  let turn = 0
  let playing = false
  const next = async (): Promise<void> => {
    const request = playing ? undefined : requestIn(received)
    if (!request) return
    received = received.subarray(request.bytes)
    playing = true
    const [, play = '', role = ''] = request.path.split('/')
    const exchange = new Exchange(socket, role, request, turn++)
    log.push(exchange)
    await plays[play]?.(exchange)
    exchange.over()
    playing = false
    await next()
  }
  // Resets are half of what this server is for.
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes])
    void next()
  })
}

interface Request {
  readonly path: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Asked['body']
  readonly bytes: number
}

/** The first request, once it is there in whole. Only our own gateway writes them, so nothing odd is expected. */
function requestIn(received: Buffer): Request | undefined {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [line = '', ...fields] = received.toString('latin1', 0, headEnd).split('\r\n')
  const headers = new Map(
    fields.map((field): [string, string] => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
    }),
  )
  const start = headEnd + 4
  const bytes = start + Number(headers.get('content-length') ?? 0)
  if (received.length < bytes) return undefined
  const body: unknown = JSON.parse(received.toString('utf8', start, bytes) || '{}')
  return { path: line.split(' ')[1] ?? '', headers, body: body as Asked['body'], bytes }
}

/** One request and the socket that its answer goes to. */
export class Exchange implements Asked {
  readonly role: string
  readonly atMs = performance.now()
  readonly headers: ReadonlyMap<string, string>
  readonly body: Asked['body']
  readonly turn: number
  said = ''
  answeredMs: number | undefined
  abortedMs: number | undefined
  readonly #socket: Socket
  #framing: 'chunked' | 'bare' = 'bare'
  readonly #left: Promise<void>
  #leave: () => void = () => {}
  #over = false

  constructor(socket: Socket, role: string, { headers, body }: Request, turn: number) {
    this.#socket = socket
    this.role = role
    this.headers = headers
    this.body = body
    this.turn = turn
    this.#left = new Promise((resolve) => {
      this.#leave = () => {
        if (!this.#over) this.abortedMs = performance.now()
        resolve()
      }
      socket.once('close', this.#leave)
    })
  }

  get stream(): boolean {
    return this.body.stream === true
  }

  /** Bytes as they are: heads, framing, nonsense. */
  raw(bytes: string | Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes)
  }

  /** The head of an answer in chunks, unless it tells a length. A list of headers may name one twice. */
  head(status: number, headers: readonly (readonly [name: string, value: string])[]): void {
    const bounded = headers.some(([name]) => name === 'content-length')
    this.#framing = bounded ? 'bare' : 'chunked'
    const all = bounded ? headers : [...headers, ['transfer-encoding', 'chunked']]
    this.raw(`HTTP/1.1 ${status} So\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
  }

  /** A piece of the body, in a chunk of its own where the head promised chunks. */
  say(text: string): void {
    this.said += text
    this.raw(this.#framing === 'chunked' ? `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n` : text)
  }

  /** The end that the framing asks for. */
  finish(): void {
    if (this.#framing === 'chunked') this.raw('0\r\n\r\n')
  }

  /** Whether the other side is still there after this time. */
  async wait(ms: number): Promise<boolean> {
    await Promise.race([sleep(ms), this.#left])
    return !this.#socket.destroyed
  }

  /** Sends bytes as they are, and waits until they have left; false where nobody takes them any more. */
  async push(bytes: string | Uint8Array): Promise<boolean> {
    if (!this.#socket.writable) return false
    await Promise.race([new Promise((resolve) => this.#socket.write(bytes, resolve)), this.#left])
    return !this.#socket.destroyed
  }

  /** Says nothing until the other side has had enough. */
  async hang(): Promise<void> {
    await this.#left
  }

  /** Ends the connection as a crash does. */
  reset(): void {
    this.over()
    this.#socket.resetAndDestroy()
  }

  /** Ends the connection in order. */
  close(): void {
    this.over()
    this.#socket.end()
  }

  /** The play has nothing more to say: who hangs up now misses nothing. */
  over(): void {
    this.#over = true
    this.answeredMs ??= performance.now()
    this.#socket.off('close', this.#leave)
  }
}
