import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Socket } from 'node:net'

/** Where undici tells which request it is about to write, on which socket, and which has its answer in whole. */
const channels = { sent: 'undici:client:sendHeaders', answered: 'undici:request:trailers' } as const

interface Life {
  /** Whole answers that came on it. */
  answers: number
  /** What had been read when the request under way was written; `undefined`: none is. */
  bytesReadBefore: number | undefined
}

/**
 * Tells a socket that was found dead from one that died on a request. A server may close an idle socket at any moment,
 * and a request that meets this moment was refused by nobody: it may be sent again on a new socket. What is told of an
 * error is exactly this: its socket had answered before, and of the request that has the error, if it was written at
 * all, brought not one byte.
 */
export class SocketLives {
  readonly #lives = new WeakMap<Socket, Life>()
  readonly #requests = new WeakMap<object, Life>()
  readonly #deaths = new WeakSet<Error>()

  constructor() {
    subscribe(channels.sent, this.#sent)
    subscribe(channels.answered, this.#answered)
  }

  /** Whether the error is the end of a socket that had been idle. */
  diedIdle(error: unknown): boolean {
    return error instanceof Error && this.#deaths.has(error)
  }

  close(): void {
    unsubscribe(channels.sent, this.#sent)
    unsubscribe(channels.answered, this.#answered)
  }

  readonly #sent = (message: unknown): void => {
    const { request, socket } = read(message)
    if (!(socket instanceof Socket) || !request) return
    const life = this.#lives.get(socket) ?? this.#watch(socket)
    life.bytesReadBefore = socket.bytesRead
    this.#requests.set(request, life)
  }

  readonly #answered = (message: unknown): void => {
    const { request } = read(message)
    const life = request && this.#requests.get(request)
    if (!life) return
    this.#requests.delete(request)
    life.answers++
    life.bytesReadBefore = undefined
  }

  #watch(socket: Socket): Life {
    const life: Life = { answers: 0, bytesReadBefore: undefined }
    this.#lives.set(socket, life)
    // Before undici's own listener, which hands the same error to the request.
    socket.prependListener('error', (error: Error) => {
      const silent = life.bytesReadBefore === undefined || life.bytesReadBefore === socket.bytesRead
      if (life.answers > 0 && silent) this.#deaths.add(error)
    })
    return life
  }
}

function read(message: unknown): { readonly request?: object | undefined; readonly socket?: unknown } {
  if (typeof message !== 'object' || message === null || !('request' in message)) return {}
  const { request } = message
  return {
    request: typeof request === 'object' && request !== null ? request : undefined,
    socket: 'socket' in message ? message.socket : undefined,
  }
}
