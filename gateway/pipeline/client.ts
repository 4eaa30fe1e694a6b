import type { ServerResponse } from 'node:http'
import type { Call } from '../domain/call.ts'
import { Fault } from '../domain/fault.ts'
import { usdFromNano } from '../domain/money.ts'
import { isEventStream, streamHeaders } from './answer-headers.ts'
import { callHeaders, costHeaders, costTrailers, type Headers, idHeaders } from './call-headers.ts'
import type { Delivery, Entry } from './entry.ts'
import { faultHeaders } from './fault-headers.ts'
import { headerSafe } from './header-safe.ts'
import { type Cost, chargeOfCall } from './price.ts'
import { rateLimitHeaders } from './rate-limit-headers.ts'

/** How a dialect words what the gateway itself has to say. */
export interface Wording {
  error(fault: Fault): string
  errorEvent(fault: Fault): string
  /** A provider's error body as the last event of a stream; `undefined` where it states no error. */
  statedEvent(body: Uint8Array): string | undefined
}

/** What a client said about how it wants to be answered. */
export interface Manners {
  /** It reads trailers (`TE: trailers`): a stream's cost, which no header can know, follows the stream. */
  readonly trailers: boolean
  /** Its own name of the request, given back. */
  readonly requestId: string | undefined
}

/** Who writes an answer, as far as the client has something to say about it. */
export interface Writer {
  /** The client left before its answer was whole. */
  clientLeft(): void
  /** A client that was too slow can take more. */
  resume(): void
}

/** The client's end of a call: Node's own response, so that a chunk costs one write and nothing else. */
export class Client {
  readonly #response: ServerResponse
  readonly #wording: Wording
  readonly #manners: Manners
  /**
   * Who is writing the answer. An object, not two functions: closures over each call made most of it outlive the young
   * generation, which cost a tenth of the CPU under load.
   */
  writer: Writer | undefined
  gone = false
  /** The head is out and promises events. */
  #inEvents = false
  /** It has been slower than its provider, so it is listened to for when it can take more. */
  #slow = false
  #writes = 0
  #writesSeen = 0
  #silentSinceMs: number | undefined

  constructor(response: ServerResponse, wording: Wording, manners: Manners) {
    this.#response = response
    this.#wording = wording
    this.#manners = manners
    // Not `once`, which makes three more objects for an event that comes once by itself.
    response.on('close', () => {
      if (response.writableFinished) return
      this.gone = true
      this.writer?.clientLeft()
    })
  }

  /** Whether status and headers are out: from then on only the answer's bytes can follow. */
  get began(): boolean {
    return this.#response.headersSent
  }

  begin(status: number, headers: Headers): void {
    const { requestId, trailers } = this.#manners
    if (requestId !== undefined) headers['x-client-request-id'] = requestId
    if (trailers && headers['content-length'] === undefined) headers['trailer'] = costTrailers
    this.#inEvents = isEventStream(headers['content-type'])
    try {
      this.#response.writeHead(status, headers)
    } catch {
      // A value that no header may hold: the answer is worth more than its being spelled right.
      for (const name in headers) headers[name] = headerSafe(headers[name] ?? '')
      this.#response.writeHead(status, headers)
    }
  }

  /** False where the client reads slower than the provider writes. */
  write(chunk: Uint8Array): boolean {
    this.#writes++
    const ready = this.#response.write(chunk)
    if (!ready && !this.#slow) {
      this.#slow = true
      this.#response.on('drain', () => this.writer?.resume())
    }
    return ready
  }

  /**
   * Called about once a second while a stream's answer is awaited or under way: after `silenceMs` without a word the
   * client is sent a comment, lest somebody on the way take the connection for dead. Before the answer has begun, that
   * sends the head; what happens from then on can only be told in events.
   */
  keepAwake(nowMs: number, silenceMs: number, { call, attempts, standings }: Entry): void {
    if (silenceMs === 0 || this.gone || this.#response.writableNeedDrain || (this.began && !this.#inEvents)) return
    if (this.#writes !== this.#writesSeen) {
      this.#writesSeen = this.#writes
      this.#silentSinceMs = nowMs
    }
    this.#silentSinceMs ??= attempts[0]?.sentMs ?? nowMs
    if (nowMs - this.#silentSinceMs < silenceMs) return
    if (!this.began) {
      this.begin(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        ...streamHeaders,
        ...idHeaders(call.id),
        ...(standings && rateLimitHeaders(standings)),
      })
    }
    this.#silentSinceMs = nowMs
    this.#response.write(': ping\n\n')
  }

  /** Gives up on a client that has stopped reading. */
  cut(): void {
    this.#response.destroy()
  }

  /** The last word: the tail of the answer, or the refusal. */
  finish(entry: Entry, costs: readonly Cost[]): void {
    if (this.gone) return
    const { delivery, fault } = entry
    if (delivery) {
      const member = entry.call.usageMember ? usageMember(costs) : undefined
      const tail = delivery.tail(member)
      if (!this.began) {
        const headers = costHeaders(costs, callHeaders(entry, entry.attempts.at(-1), { ...delivery.headers }))
        headers['content-length'] = String(tail?.length ?? 0)
        this.begin(delivery.status, headers)
      } else if (!delivery.streamed && this.#inEvents) {
        this.#sayStated(delivery, tail)
        return
      }
      if (tail && tail.length > 0) this.#response.write(tail)
      if (this.#manners.trailers) this.#response.addTrailers(costHeaders(costs, {}))
      if (delivery.broken) this.#sayBroken(delivery.broken)
      else this.#response.end()
    } else if (fault) this.refuse(fault, entry.call, callHeaders(entry))
  }

  refuse(fault: Fault, call: Pick<Call, 'id'>, headers: Headers = idHeaders(call.id)): void {
    if (this.gone) return
    if (this.began) {
      this.#sayBroken(fault)
      return
    }
    const body = this.#wording.error(fault)
    this.begin(fault.status, {
      ...headers,
      ...faultHeaders(fault),
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    })
    this.#response.end(body)
  }

  /** A stream is told of its end in its own dialect; a body that was promised whole can only be cut off. */
  #sayBroken(fault: Fault): void {
    if (this.#inEvents) this.#response.end(this.#wording.errorEvent(fault))
    else this.#response.destroy()
  }

  /** The provider's answer is a body, most likely a refusal, and the client has been promised events. */
  #sayStated({ attempt }: Delivery, body: Uint8Array | undefined): void {
    const { id } = attempt.candidate.connection
    const event = body && this.#wording.statedEvent(body)
    const fault = () => new Fault('upstream_error', `The provider behind '${id}' sent no stream.`)
    this.#response.end(event ?? this.#wording.errorEvent(fault()))
  }
}

function usageMember(costs: readonly Cost[]): Readonly<Record<string, unknown>> {
  const charge = chargeOfCall(costs)
  return { cost_usd: charge === undefined ? null : usdFromNano(charge), usage_source: costs.at(-1)?.usageSource }
}
