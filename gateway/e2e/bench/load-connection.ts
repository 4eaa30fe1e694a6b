import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Clock } from '../../domain/clock.ts'
import { done } from './answers.ts'
import { MessageReader } from './message-reader.ts'

/** What came of one request. `wrong` says what, where it was not what it should have been. */
export interface Outcome {
  readonly wrong: string | undefined
  readonly bytes: number
  readonly firstByteMs: number
  readonly totalMs: number
}

/** What an answer has to be. */
export interface Expected {
  readonly bytes: number
  /** A stream: ends with the terminal event. */
  readonly stream: boolean
}

/** One keep-alive connection of the load: asks, reads the answer to its end, checks it. One request at a time. */
export class LoadConnection {
  readonly #expected: Expected
  readonly #clock: Clock
  readonly #socket: Socket
  readonly #reader: MessageReader
  #settle: ((outcome: Outcome) => void) | undefined
  #sentMs = 0
  #firstByteMs = 0
  #status = ''
  #bytes = 0
  #tail: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket, expected: Expected, clock: Clock) {
    this.#socket = socket
    this.#expected = expected
    this.#clock = clock
    this.#reader = new MessageReader({
      head: (text) => {
        this.#status = text.slice(9, 12)
      },
      body: (bytes, start, end) => this.#body(bytes, start, end),
      end: () => this.#finish(this.#fault()),
    })
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
    socket.on('error', (error) => this.#finish(`socket: ${error.message}`))
    socket.on('close', () => this.#finish('closed before the end of the answer'))
  }

  static async open(port: number, expected: Expected, clock: Clock): Promise<LoadConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new LoadConnection(socket, expected, clock)
  }

  get usable(): boolean {
    return !this.#socket.destroyed && this.#socket.writable
  }

  send(request: Buffer, settle: (outcome: Outcome) => void): void {
    this.#settle = settle
    this.#status = ''
    this.#bytes = 0
    this.#tail = Buffer.alloc(0)
    this.#sentMs = this.#clock.elapsed()
    this.#socket.write(request)
  }

  /** Ends the connection; a request under way ends as an error. */
  close(): void {
    this.#socket.destroy()
    this.#finish('no answer in time')
  }

  #read(bytes: Buffer): void {
    try {
      this.#reader.write(bytes)
    } catch (thrown) {
      this.#socket.destroy()
      this.#finish(thrown instanceof Error ? thrown.message : 'unreadable')
    }
  }

  #body(bytes: Buffer, start: number, end: number): void {
    if (this.#bytes === 0) this.#firstByteMs = this.#clock.elapsed() - this.#sentMs
    this.#bytes += end - start
    if (!this.#expected.stream) return
    // The terminal event may come in two pieces.
    if (end - start >= done.length) this.#tail = bytes.subarray(end - done.length, end)
    else this.#tail = Buffer.concat([this.#tail, bytes.subarray(start, end)]).subarray(-done.length)
  }

  #fault(): string | undefined {
    if (this.#status !== '200') return `status ${this.#status}`
    if (this.#expected.stream && this.#tail.toString('latin1') !== done) return 'a stream without [DONE]'
    if (this.#bytes !== this.#expected.bytes) return `${this.#bytes} bytes, not ${this.#expected.bytes}`
    return undefined
  }

  #finish(wrong: string | undefined): void {
    const settle = this.#settle
    if (settle === undefined) return
    this.#settle = undefined
    const totalMs = this.#clock.elapsed() - this.#sentMs
    settle({ wrong, bytes: this.#bytes, firstByteMs: this.#firstByteMs, totalMs })
  }
}
