import type { Dispatcher } from 'undici'
import type { Meter, ResponseHead } from '../dialects/meter.ts'
import type { Call } from '../domain/call.ts'
import type { Clock } from '../domain/clock.ts'
import type { Candidate } from '../domain/connection.ts'
import { Fault } from '../domain/fault.ts'
import type { Reading } from '../domain/usage.ts'
import type { ProviderAdapter, UpstreamFailure } from '../providers/provider.ts'
import { type Client, callHeaders, type Writer } from './client.ts'
import type { Attempt, Delivery, Entry, Outcome } from './entry.ts'
import type { Gateway } from './gateway.ts'
import { drainsMax, type LiveAttempt, type LivePlace } from './live.ts'
import { messageFor, scrub, scrubEvents } from './scrub.ts'

/** Of the call's whole time, what is left. */
export function msLeft(call: Call, { connection }: Candidate, clock: Clock): number {
  const { totalMs } = connection.timeouts
  return Math.min(totalMs, call.timeoutMs ?? totalMs) - (clock.elapsed() - call.startedMs)
}

/** How a relay ended: with an answer that had begun, or with a failure that another connection may make good. */
export type End =
  | { readonly began: true; readonly delivery: Delivery }
  /** `blameless`: the connection did not fail, we or the client stopped it. */
  | { readonly began: false; readonly failure: UpstreamFailure; readonly blameless: boolean }

/** Of an error body, as much as anyone will read. */
const errorBodyBytesMax = 64 * 1024
const answerBytesMax = 50 * 1024 * 1024
/** A whole answer that nobody waits for any more is still billed, and says what it cost only at its end. */
const drainMs = 30_000
/** Upstream may keep its stream open behind the terminal event; nobody is made to wait for that. */
const afterEndMs = 250
/** A client that takes nothing for this long has gone, whatever its socket says. */
const unreadMs = 60_000

/** Why the attempt was stopped; `deadline` is the client's own, shorter than the connection's. */
type Stop = 'client' | 'timeout' | 'deadline' | 'oversize' | 'shutdown'

/** Stops that say nothing about the provider: it did not fail, and what it had sent was asked for. */
const blameless: ReadonlySet<Stop | undefined> = new Set(['client', 'deadline', 'shutdown'])

/** What a client is told whose answer broke off in the middle. */
function brokenBy(stop: Stop | undefined): Fault {
  switch (stop) {
    case 'timeout':
      return new Fault('upstream_timeout', 'The provider stopped sending in the middle of its answer.')
    case 'deadline':
      return new Fault('upstream_timeout', 'The answer took longer than the request allows.')
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
export class Relay implements Dispatcher.DispatchHandler, LiveAttempt, Writer {
  readonly #attempt: Attempt
  readonly #adapter: ProviderAdapter
  readonly #client: Client
  readonly #entry: Entry
  readonly #gateway: Gateway
  #controller: Dispatcher.DispatchController | undefined
  #place: LivePlace | undefined
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
  #reject: ((bug: unknown) => void) | undefined

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
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#client.writer = this
      this.#place = this.#gateway.live.add(this)
      const firstByteMs = call.asked.stream ? connection.timeouts.firstByteMs : connection.timeouts.totalMs
      const left = this.#msLeft()
      this.#timer = setTimeout(
        () => this.#abort(left < firstByteMs ? this.#lateBy() : 'timeout'),
        // Whole, since Node keeps timers in lists by their length and looks for them there to clear them.
        Math.ceil(Math.min(firstByteMs, left)),
      )
      const { path, method, headers, body } = this.#adapter.rewrite(call, this.#attempt.candidate)
      // Deadlines are ours: undici's are coarse, and would have to know a stream from a whole answer.
      const options = { origin: connection.baseUrl, path, method, headers, body, headersTimeout: 0, bodyTimeout: 0 }
      this.#gateway.upstream(connection).dispatch(options, this)
      // Both may have come while the beginning of the attempt was being written down, when nobody listened.
      if (this.#client.gone) this.clientLeft()
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
    try {
      this.#relay(controller, this.#meter, chunk)
    } catch (thrown) {
      // The meter's own refusal is of an answer without end; anything else is our bug, and none of the provider's.
      if (thrown instanceof Fault) this.#abort('oversize')
      else this.#fail(thrown)
    }
  }

  #relay(controller: Dispatcher.DispatchController, meter: Meter, chunk: Buffer): void {
    const passed = meter.write(chunk)
    if (this.#firstTokenMs === undefined && meter.began && meter.streamed) {
      this.#firstTokenMs = this.#gateway.clock.elapsed()
    }
    if (passed && !this.#client.gone) this.#pass(controller, meter.error ? scrubEvents(passed, this.#secret) : passed)
    if (meter.ending) this.#endSoon()
    else if (this.#bytes > answerBytesMax && !meter.streamed) this.#abort('oversize')
  }

  get #secret(): string | undefined {
    return this.#attempt.candidate.connection.apiKey
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

  resume(): void {
    this.#pausedMs = undefined
    this.#controller?.resume()
  }

  /** Whose deadline the whole time is. */
  #lateBy(): 'timeout' | 'deadline' {
    const { timeoutMs } = this.#entry.call
    return timeoutMs !== undefined && timeoutMs < this.#attempt.candidate.connection.timeouts.totalMs
      ? 'deadline'
      : 'timeout'
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
    try {
      if (this.#client.gone || this.#isAnswer(error)) this.#ended(error)
      else this.#end({ began: false, failure: this.#failure(error), blameless: blameless.has(this.#stop) })
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  /** What came is an answer once the client has part of it, or all of it is there and in order. */
  #isAnswer(error: Error | undefined): boolean {
    if (!this.#meter) return false
    return this.#client.began || (!error && this.#meter.complete)
  }

  #failure(error: Error | undefined): UpstreamFailure {
    if (this.#stop === 'oversize') return { kind: 'reset', cause: brokenBy('oversize') }
    if (this.#head && !error) return this.#answerFailure()
    return { kind: this.#failureKind(), cause: error }
  }

  /** A bug of ours ends this attempt and no other. It has its row, and its connection its good name. */
  #fail(thrown: unknown): void {
    const reading: Reading = { usage: {}, source: 'none' }
    const endedMs = this.#gateway.clock.elapsed()
    this.#attempt.outcome ??= {
      status: 'failed',
      httpStatus: this.#head?.status,
      reading,
      endedMs,
      errorCode: 'internal',
      errorMessage: 'The gateway failed on this answer.',
      maybeBilled: true,
    }
    this.#leave()
    this.#controller?.abort(new Error('the gateway failed'))
    this.#reject?.(thrown)
  }

  #answerFailure(): UpstreamFailure {
    const head = this.#head ?? { status: 502, headers: {} }
    const body = this.#meter?.tail() ?? Buffer.concat(this.#errorBody)
    return { kind: 'answer', head, body, at: this.#gateway.clock.now() }
  }

  #failureKind(): 'connect' | 'reset' | 'timeout' {
    if (this.#stop === 'timeout' || this.#stop === 'deadline') return 'timeout'
    return this.#controller ? 'reset' : 'connect'
  }

  #ended(error: Error | undefined): void {
    const { clock, health } = this.#gateway
    const meter = this.#meter
    const reading: Reading = meter?.reading() ?? { usage: {}, source: 'none', said: '' }
    // What happens behind the terminal event takes nothing from the answer.
    const complete = meter?.complete === true && (!error || meter.ending)
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
      ...(!this.#controller && { unsent: true }),
    } satisfies Outcome
    const { id } = this.#attempt.candidate.connection
    if (status === 'complete') health.succeeded(id, endedMs - this.#attempt.sentMs, clock.now())
    else if (status === 'truncated') health.failed(id, { fault: 'connection', failover: false }, clock.now())
    else health.abandoned(id)
    this.#end({ began: true, delivery: this.#delivery(status, reading) })
  }

  #statusOf(complete: boolean, { error }: Reading): Outcome['status'] {
    if (this.#client.gone) return 'client_closed'
    if (complete) return error ? 'failed' : 'complete'
    return blameless.has(this.#stop) ? 'cut' : 'truncated'
  }

  #errorOf(status: Outcome['status'], { error }: Reading): { errorCode?: string; errorMessage?: string } {
    if (error) return { errorCode: error.code, errorMessage: messageFor(error.message, this.#secret) }
    if (status !== 'truncated' && status !== 'cut') return {}
    const { code, message } = brokenBy(this.#stop)
    return { errorCode: code, errorMessage: message }
  }

  #delivery(status: Outcome['status'], reading: Reading): Delivery {
    const meter = this.#meter
    // Where the provider told of its error inside the stream, the client has read it already.
    const broken = (status === 'truncated' || status === 'cut') && !reading.error
    return {
      attempt: this.#attempt,
      status: this.#head?.status ?? 502,
      headers: this.#forwardedHeaders(),
      // Of a broken answer the rest is half an event, which would spoil the one that says so.
      tail: (member) => (broken ? undefined : this.#cleaned(meter?.tail(member))),
      ...(broken && { broken: brokenBy(this.#stop) }),
    }
  }

  #cleaned(tail: Buffer | undefined): Buffer | undefined {
    if (!tail || !this.#meter?.error) return tail
    return this.#meter.streamed ? scrubEvents(tail, this.#secret) : scrub(tail, this.#secret)
  }

  #end(end: End): void {
    const resolve = this.#resolve
    this.#leave()
    resolve?.(end)
  }

  #leave(): void {
    if (!this.#resolve) return
    this.#resolve = undefined
    clearTimeout(this.#timer)
    if (this.#place) this.#gateway.live.leave(this.#place)
    this.#client.writer = undefined
    if (this.#draining) this.#gateway.live.drains--
  }

  /** Whole answers are read to their end; streams are stopped, unless the connection says to read them too. */
  clientLeft(): void {
    const { asked } = this.#entry.call
    const drain = !asked.stream || this.#attempt.candidate.connection.onClientAbort === 'drain'
    const { live } = this.#gateway
    // Nothing has been sent yet: there is nothing to wait for.
    if (!this.#controller || !drain || live.drains >= drainsMax) {
      this.#abort('client')
      return
    }
    live.drains++
    this.#draining = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#abort('client'), drainMs)
    this.resume()
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
    if (this.#msLeft() <= 0) {
      this.#abort(this.#lateBy())
      return
    }
    if (this.#pausedMs !== undefined) {
      if (nowMs - this.#pausedMs > unreadMs) this.#client.cut()
      return
    }
    if (this.#chunks !== this.#chunksSeen) {
      this.#chunksSeen = this.#chunks
      this.#lastChunkMs = nowMs
    }
    if (!this.#meter?.streamed) return
    const { firstTokenTimeoutMs } = this.#entry.call
    const waitedMs = nowMs - Math.max(this.#lastChunkMs, this.#headMs)
    if (this.#firstTokenMs === undefined && nowMs - this.#headMs > (firstTokenTimeoutMs ?? timeouts.firstTokenMs)) {
      this.#abort(
        firstTokenTimeoutMs !== undefined && firstTokenTimeoutMs < timeouts.firstTokenMs ? 'deadline' : 'timeout',
      )
    } else if (waitedMs > timeouts.idleMs) this.#abort('timeout')
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

  #msLeft(): number {
    return msLeft(this.#entry.call, this.#attempt.candidate, this.#gateway.clock)
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
      if (typeof value === 'string' && !(this.#secret && value.includes(this.#secret))) headers[name] = value
    }
    if (headers['content-type']?.toLowerCase().startsWith('text/event-stream')) {
      headers['cache-control'] = 'no-cache, no-transform'
      headers['x-accel-buffering'] = 'no'
    }
    return headers
  }
}
