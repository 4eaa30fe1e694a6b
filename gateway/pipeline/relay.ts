import type { Dispatcher } from 'undici'
import type { Meter, ResponseHead } from '../dialects/meter.ts'
import { Fault } from '../domain/fault.ts'
import type { Reading } from '../domain/usage.ts'
import type { ProviderAdapter, UpstreamFailure } from '../providers/provider.ts'
import { type Client, callHeaders } from './client.ts'
import type { Attempt, Delivery, Entry, Outcome } from './entry.ts'
import type { Gateway } from './gateway.ts'
import { drainsMax, type LiveAttempt } from './live.ts'

/** How a relay ended: with an answer that had begun, or with a failure that another connection may make good. */
export type End =
  | { readonly began: true; readonly delivery: Delivery }
  | { readonly began: false; readonly failure: UpstreamFailure }

/** Of an error body, as much as anyone will read. */
const errorBodyBytesMax = 64 * 1024
const answerBytesMax = 50 * 1024 * 1024
/** A whole answer that nobody waits for any more is still billed, and says what it cost only at its end. */
const drainMs = 30_000
/** Upstream may keep its stream open behind the terminal event; nobody is made to wait for that. */
const afterEndMs = 250
/** A client that takes nothing for this long has gone, whatever its socket says. */
const unreadMs = 60_000

/** Why we gave up on the provider. */
type Stop = 'client' | 'timeout' | 'oversize' | 'shutdown'

/** What a client is told whose answer broke off in the middle. */
function brokenBy(stop: Stop | undefined): Fault {
  switch (stop) {
    case 'timeout':
      return new Fault('upstream_timeout', 'The provider stopped sending in the middle of its answer.')
    case 'oversize':
      return new Fault('upstream_response_too_large', "The provider's answer is larger than the gateway takes.")
    case 'shutdown':
      return new Fault('shutting_down', 'The gateway is going down and could not wait for the end of this answer.')
    default:
      return new Fault('upstream_stream_truncated', "The provider's answer broke off before its end.")
  }
}

/**
 * One attempt, byte by byte: undici's events in, the client's response out, the meter in between.
 *
 * sent → head → (error body | answer) → ended, and nothing after `#end`. Until the first write to the client a failure
 * is a `failure`, and the next candidate may be asked; from then on the attempt has begun and can only end.
 */
export class Relay implements Dispatcher.DispatchHandler, LiveAttempt {
  readonly #attempt: Attempt
  readonly #adapter: ProviderAdapter
  readonly #client: Client
  readonly #entry: Entry
  readonly #gateway: Gateway
  #controller: Dispatcher.DispatchController | undefined
  #timer: NodeJS.Timeout | undefined
  #head: ResponseHead | undefined
  #meter: Meter | undefined
  #errorBody: Buffer[] = []
  #bytes = 0
  #chunks = 0
  #chunksSeen = 0
  #lastChunkMs = 0
  #headMs = 0
  #firstTokenMs: number | undefined
  #pausedMs: number | undefined
  #draining = false
  #whole = false
  #stop: Stop | undefined
  #resolve: ((end: End) => void) | undefined

  constructor(attempt: Attempt, adapter: ProviderAdapter, client: Client, entry: Entry, gateway: Gateway) {
    this.#attempt = attempt
    this.#adapter = adapter
    this.#client = client
    this.#entry = entry
    this.#gateway = gateway
  }

  run(): Promise<End> {
    const { connection } = this.#attempt.candidate
    const { call } = this.#entry
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#client.onGone = () => this.#clientLeft()
      this.#client.onDrain = () => this.#resume()
      this.#gateway.live.add(this)
      const firstByteMs = call.asked.stream ? connection.timeouts.firstByteMs : connection.timeouts.totalMs
      this.#timer = setTimeout(() => this.#abort('timeout'), Math.min(firstByteMs, this.#msLeft()))
      const { path, method, headers, body } = this.#adapter.rewrite(call, this.#attempt.candidate)
      // Deadlines are ours: undici's are coarse, and would have to know a stream from a whole answer.
      const options = { origin: connection.baseUrl, path, method, headers, body, headersTimeout: 0, bodyTimeout: 0 }
      this.#gateway.upstream(connection).dispatch(options, this)
      // Both may have come while the beginning of the attempt was being written down, when nobody listened.
      if (this.#client.gone) this.#clientLeft()
      else if (this.#gateway.live.stopping) this.stop()
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#stop) controller.abort(new Error(this.#stop))
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: ResponseHead['headers']): void {
    if (status < 200) return
    this.#headMs = this.#gateway.clock.elapsed()
    this.#head = { status, headers }
    if (status >= 300) return
    this.#meter = this.#adapter.meter(this.#entry.call, this.#head)
    if (this.#entry.call.asked.stream) clearTimeout(this.#timer)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks++
    this.#bytes += chunk.length
    if (!this.#meter) {
      if (this.#bytes <= errorBodyBytesMax) this.#errorBody.push(chunk)
      return
    }
    let passed: Buffer | undefined
    try {
      passed = this.#meter.write(chunk)
    } catch {
      this.#abort('oversize')
      return
    }
    if (this.#firstTokenMs === undefined && this.#meter.began && this.#entry.call.asked.stream)
      this.#firstTokenMs = this.#gateway.clock.elapsed()
    if (passed && !this.#client.gone) this.#pass(controller, passed)
    if (this.#meter.ending) this.#endSoon()
    else if (this.#bytes > answerBytesMax && !this.#entry.call.asked.stream) this.#abort('oversize')
  }

  #pass(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    if (!this.#client.began) {
      const { status } = this.#head ?? { status: 200 }
      this.#client.begin(status, { ...this.#forwardedHeaders(), ...callHeaders(this.#entry, this.#attempt) })
    }
    if (!this.#client.write(bytes)) {
      controller.pause()
      this.#pausedMs = this.#gateway.clock.elapsed()
    }
  }

  #resume(): void {
    this.#pausedMs = undefined
    this.#controller?.resume()
  }

  /** The terminal event is here: what else upstream sends belongs to the tail, if it comes at once. */
  #endSoon(): void {
    if (this.#whole) return
    this.#whole = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#finish(undefined)
      this.#controller?.abort(new Error('the answer is whole'))
    }, afterEndMs)
  }

  onResponseEnd(): void {
    this.#finish(undefined)
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#finish(error)
  }

  /** The provider is done, or gone, or we gave up on it. */
  #finish(error: Error | undefined): void {
    if (!this.#resolve) return
    if (this.#meter && !error && !this.#meter.complete && !this.#client.began && !this.#client.gone) {
      this.#end({ began: false, failure: this.#answerFailure() })
    } else if (this.#client.gone || (this.#meter && (this.#client.began || !error))) this.#ended(error)
    else if (this.#head && !error) this.#end({ began: false, failure: this.#answerFailure() })
    else this.#end({ began: false, failure: { kind: this.#failureKind(), cause: error } })
  }

  #answerFailure(): UpstreamFailure {
    const head = this.#head ?? { status: 502, headers: {} }
    const body = this.#meter?.tail() ?? Buffer.concat(this.#errorBody)
    return { kind: 'answer', head, body, at: this.#gateway.clock.now() }
  }

  #failureKind(): 'connect' | 'reset' | 'timeout' {
    if (this.#stop === 'timeout') return 'timeout'
    return this.#controller ? 'reset' : 'connect'
  }

  #ended(error: Error | undefined): void {
    const { clock, health } = this.#gateway
    const meter = this.#meter
    const reading: Reading = meter?.reading() ?? { usage: {}, source: 'none', said: '' }
    const complete = !error && meter?.complete === true
    const endedMs = clock.elapsed()
    const status = this.#statusOf(complete, reading)
    this.#attempt.outcome = {
      status,
      httpStatus: this.#head?.status,
      reading,
      endedMs,
      ...(this.#firstTokenMs !== undefined && { firstTokenMs: this.#firstTokenMs }),
      ...this.#upstreamId(),
      ...this.#errorOf(status, reading),
    } satisfies Outcome
    const { id } = this.#attempt.candidate.connection
    if (status === 'complete') health.succeeded(id, endedMs - this.#attempt.sentMs, clock.now())
    else if (status === 'truncated') health.failed(id, { fault: 'connection', failover: false }, clock.now())
    this.#end({ began: true, delivery: this.#delivery(status, reading) })
  }

  #statusOf(complete: boolean, { error }: Reading): Outcome['status'] {
    if (this.#client.gone) return 'client_closed'
    if (complete) return error ? 'failed' : 'complete'
    return 'truncated'
  }

  #errorOf(status: Outcome['status'], { error }: Reading): { errorCode?: string; errorMessage?: string } {
    if (error) return { errorCode: error.code, errorMessage: error.message.slice(0, 500) }
    if (status !== 'truncated') return {}
    const { code, message } = brokenBy(this.#stop)
    return { errorCode: code, errorMessage: message }
  }

  #delivery(status: Outcome['status'], reading: Reading): Delivery {
    const meter = this.#meter
    return {
      attempt: this.#attempt,
      status: this.#head?.status ?? 502,
      headers: this.#forwardedHeaders(),
      tail: (member) => meter?.tail(member),
      // Where the provider told of its error inside the stream, the client has read it already.
      ...(status === 'truncated' && !reading.error && { broken: brokenBy(this.#stop) }),
    }
  }

  #end(end: End): void {
    const resolve = this.#resolve
    if (!resolve) return
    this.#resolve = undefined
    clearTimeout(this.#timer)
    this.#gateway.live.delete(this)
    this.#client.onGone = undefined
    this.#client.onDrain = undefined
    if (this.#draining) this.#gateway.live.drains--
    resolve(end)
  }

  /** Whole answers are read to their end; streams are stopped, unless the connection says to read them too. */
  #clientLeft(): void {
    const { asked } = this.#entry.call
    const drain = !asked.stream || this.#attempt.candidate.connection.onClientAbort === 'drain'
    const { live } = this.#gateway
    if (!drain || live.drains >= drainsMax) {
      this.#abort('client')
      return
    }
    live.drains++
    this.#draining = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#abort('client'), drainMs)
    this.#resume()
  }

  #abort(stop: Stop): void {
    this.#stop ??= stop
    if (this.#controller) this.#controller.abort(new Error(stop))
    // Not on a socket yet, and perhaps never: undici has nothing to abort, so the attempt ends here and now.
    else this.#finish(new Error(stop))
  }

  stop(): void {
    this.#abort('shutdown')
  }

  tick(nowMs: number): void {
    if (this.#draining || this.#whole) return
    const { timeouts } = this.#attempt.candidate.connection
    if (this.#pausedMs !== undefined) {
      if (nowMs - this.#pausedMs > unreadMs) this.#abort('client')
      return
    }
    if (this.#chunks !== this.#chunksSeen) {
      this.#chunksSeen = this.#chunks
      this.#lastChunkMs = nowMs
    }
    if (this.#msLeft() <= 0) this.#abort('timeout')
    else if (this.#meter && this.#entry.call.asked.stream) {
      const firstTokenMs = this.#entry.call.firstTokenTimeoutMs ?? timeouts.firstTokenMs
      const waited = nowMs - Math.max(this.#lastChunkMs, this.#headMs)
      if (this.#firstTokenMs === undefined && nowMs - this.#headMs > firstTokenMs) this.#abort('timeout')
      else if (waited > timeouts.idleMs) this.#abort('timeout')
    }
  }

  beat(): void {
    const { journal, limits, clock, log } = this.#gateway
    const output = this.#meter?.running ?? 0
    journal.progress(this.#attempt.id, { usage: { output }, source: 'counted' })
    for (const reservation of [this.#entry.reservation, this.#attempt.reservation]) {
      if (!reservation || reservation.holds.length === 0) continue
      limits.renew(reservation, clock.now()).catch((error: unknown) => log.warn({ error }, 'a lease was not renewed'))
    }
  }

  /** Of the call's whole time, what is left. */
  #msLeft(): number {
    const { call } = this.#entry
    const { totalMs } = this.#attempt.candidate.connection.timeouts
    return Math.min(totalMs, call.timeoutMs ?? totalMs) - (this.#gateway.clock.elapsed() - call.startedMs)
  }

  #upstreamId(): { upstreamRequestId?: string } {
    const id = this.#head?.headers['x-request-id']
    return typeof id === 'string' ? { upstreamRequestId: id } : {}
  }

  /** An allow-list: nothing of the provider's that names our account, sets cookies or speaks about its connection. */
  #forwardedHeaders(): Record<string, string> {
    const headers: Record<string, string> = {}
    const from = this.#head?.headers ?? {}
    for (const name of ['content-type', 'openai-processing-ms', 'openai-version'] as const) {
      const value = from[name]
      if (typeof value === 'string') headers[name] = value
    }
    if (headers['content-type']?.startsWith('text/event-stream')) {
      headers['cache-control'] = 'no-cache, no-transform'
      headers['x-accel-buffering'] = 'no'
    }
    return headers
  }
}
