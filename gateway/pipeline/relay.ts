import type { Transform } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Meter, ResponseHead } from '../dialects/meter.ts'
import { Fault } from '../domain/fault.ts'
import type { Reading } from '../domain/usage.ts'
import type { Verdict } from '../domain/verdict.ts'
import type { ProviderAdapter, UpstreamFailure } from '../providers/provider.ts'
import { answerHeaders } from './answer-headers.ts'
import { callHeaders } from './call-headers.ts'
import type { Client, Writer } from './client.ts'
import { Deadlines } from './deadlines.ts'
import { blameless, brokenBy, errorOf, type Stop, statusOf } from './ending.ts'
import type { Attempt, Delivery, Entry, Outcome } from './entry.ts'
import { ErrorBody, errorBodyMs } from './error-body.ts'
import { gaveUp } from './failure.ts'
import type { Forwarding } from './forwarding.ts'
import type { Gateway } from './gateway.ts'
import { inflate } from './inflate.ts'
import { drainsMax, type LiveAttempt, type LivePlace } from './live.ts'
import { tellAnswered, tellExhausted, tellFailed, tellNothing, tellSucceeded } from './news.ts'
import { Preamble } from './preamble.ts'
import { scrub, scrubEvents, secretOf } from './scrub.ts'

/** How a relay ended: with an answer that had begun, or with a failure that another connection may make good. */
export type End =
  | { readonly began: true; readonly delivery: Delivery }
  | {
      readonly began: false
      readonly failure: UpstreamFailure
      /** What the provider had said of its use by then. */
      readonly reading: Reading
      /** The connection did not fail, we or the client stopped it. */
      readonly blameless: boolean
      /** Not one byte of an answer came. */
      readonly silent: boolean
    }

const answerBytesMax = 50 * 1024 * 1024
/** A whole answer that nobody waits for any more is still billed, and says what it cost only at its end. */
const drainMs = 30_000
/** Upstream may keep its stream open behind the terminal event; nobody is made to wait for that. */
const afterEndMs = 250
/** A client that takes nothing for this long has gone, whatever its socket says. */
const unreadMs = 60_000

/** Before the head nothing has been said. */
const nothingRead: Reading = { usage: {}, source: 'none', said: '' }

/**
 * One attempt, byte by byte: undici's events in, the client's response out, the meter in between.
 *
 * sent → head → (error body | preamble → content) → ended, and nothing after `#end`. The commit point lies between the
 * preamble and the content: up to it what comes is held back, a failure is a `failure`, and the next candidate may be
 * asked; from then on the attempt has begun and can only end.
 */
export class Relay implements Dispatcher.DispatchHandler, LiveAttempt, Writer {
  readonly #attempt: Attempt
  readonly #adapter: ProviderAdapter
  readonly #client: Client
  readonly #entry: Entry
  readonly #gateway: Gateway
  readonly #deadlines: Deadlines
  #controller: Dispatcher.DispatchController | undefined
  #place: LivePlace | undefined
  #timer: NodeJS.Timeout | undefined
  #head: ResponseHead | undefined
  #meter: Meter | undefined
  #inflater: Transform | undefined
  /** Of an answer whose head says that it is none. */
  #errorBody: ErrorBody | undefined
  /** `undefined` once the answer is committed to the client. */
  #preamble: Preamble | undefined = new Preamble()
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

  constructor(attempt: Attempt, adapter: ProviderAdapter, { client, entry, gateway }: Omit<Forwarding, 'plan'>) {
    this.#attempt = attempt
    this.#adapter = adapter
    this.#client = client
    this.#entry = entry
    this.#gateway = gateway
    this.#deadlines = new Deadlines(entry.call, attempt.candidate, gateway.clock, attempt.sentMs)
  }

  run(): Promise<End> {
    const { connection } = this.#attempt.candidate
    const { call } = this.#entry
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#client.writer = this
      this.#place = this.#gateway.live.add(this)
      const { ms, late } = this.#deadlines.head
      this.#waitFor(ms, () => this.#abort(late))
      const { path, method, headers, body } = this.#adapter.rewrite(call, this.#attempt.candidate)
      // Deadlines are ours: undici's are coarse, and would have to know a stream from a whole answer.
      const options = { origin: connection.baseUrl, path, method, headers, body, headersTimeout: 0, bodyTimeout: 0 }
      this.#gateway.upstream(connection, this.#attempt.fresh).dispatch(options, this)
      // Both may have come while the beginning of the attempt was being written down, when nobody listened.
      if (this.#client.gone) this.clientLeft()
      else if (this.#gateway.live.stopping) this.stop()
    })
  }

  /** One thing at a time is waited for. */
  #waitFor(ms: number, then: () => void): void {
    clearTimeout(this.#timer)
    // Whole, since Node keeps timers in lists by their length and looks for them there to clear them.
    this.#timer = setTimeout(then, Math.ceil(ms))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#stop) controller.abort(new Error(this.#stop))
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: ResponseHead['headers']): void {
    if (status < 200) return
    this.#headMs = this.#gateway.clock.elapsed()
    this.#head = { status, headers }
    if (headers['content-encoding'] !== undefined) this.#inflater = this.#inflate(headers['content-encoding'])
    if (status >= 300) {
      this.#errorBody = new ErrorBody()
      this.#waitFor(Math.min(errorBodyMs, this.#deadlines.leftMs), () => this.#cutError())
      return
    }
    tellExhausted(this.#attempt, this.#adapter.exhaustedMs(this.#head, this.#gateway.clock.now()), this.#gateway)
    this.#meter = this.#adapter.meter(this.#entry.call, this.#head)
    if (this.#entry.call.asked.stream) clearTimeout(this.#timer)
  }

  #inflate(encoding: string | string[]): Transform | undefined {
    return inflate(encoding, {
      data: (chunk) => this.#take(chunk),
      more: () => this.#controller?.resume(),
      end: (error) => {
        this.#finish(error)
        if (error) this.#controller?.abort(error)
      },
    })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#inflater) this.#take(chunk)
    else if (!this.#inflater.write(chunk)) controller.pause()
  }

  #take(chunk: Buffer): void {
    if (!this.#resolve) return
    this.#chunks++
    this.#bytes += chunk.length
    if (!this.#meter) {
      if (this.#errorBody?.add(chunk)) this.#cutError()
      return
    }
    try {
      this.#relay(this.#meter, chunk)
    } catch (thrown) {
      // The meter's own refusal is of an answer without end; anything else is our bug, and none of the provider's.
      if (thrown instanceof Fault) this.#abort('oversize')
      else this.#fail(thrown)
    }
  }

  /** Enough of an error: what it says by now decides. */
  #cutError(): void {
    const enough = new Error('enough of an error')
    this.#finish(enough)
    this.#controller?.abort(enough)
  }

  #relay(meter: Meter, chunk: Buffer): void {
    const passed = meter.write(chunk)
    if (this.#firstTokenMs === undefined && meter.began && meter.streamed) {
      this.#firstTokenMs = this.#gateway.clock.elapsed()
      tellAnswered(this.#attempt, this.#gateway)
    }
    if (this.#preamble) this.#hold(this.#preamble, meter, passed)
    else if (passed) this.#pass(passed)
    if (this.#stop) return
    if (meter.ending) this.#endSoon()
    else if (this.#bytes > answerBytesMax && !meter.streamed) this.#abort('oversize')
  }

  #hold(preamble: Preamble, meter: Meter, passed: Buffer | undefined): void {
    if (passed) preamble.add(passed)
    if (preamble.lasts(meter, passed !== undefined)) return
    // An error that is the caller's own is the provider's answer, and passes as it came.
    if (!meter.began && this.#statesFailure(meter)) this.#abort('stated')
    else if (this.#client.began && !meter.streamed) this.#abort('stated')
    else this.#commit(preamble)
  }

  /** An error instead of an answer, and one that another connection may not have. */
  #statesFailure(meter: Meter): boolean {
    return meter.error !== undefined && this.#adapter.classify(this.#answerFailure(meter.error)).failover
  }

  #commit({ pieces }: Preamble): void {
    this.#preamble = undefined
    if (this.#client.gone) return
    if (!this.#client.began) {
      const headers = answerHeaders(this.#head, this.#secret)
      this.#client.begin(this.#head?.status ?? 200, callHeaders(this.#entry, this.#attempt, headers))
    } else if (pieces[0]) pieces[0] = withoutMark(pieces[0])
    for (const piece of pieces) this.#pass(piece)
  }

  #pass(bytes: Buffer): void {
    if (this.#client.gone) return
    if (this.#client.write(this.#meter?.error ? scrubEvents(bytes, this.#secret) : bytes)) return
    this.#source?.pause()
    this.#pausedMs ??= this.#gateway.clock.elapsed()
  }

  get #secret(): string | undefined {
    return secretOf(this.#attempt.candidate.connection)
  }

  resume(): void {
    this.#pausedMs = undefined
    this.#source?.resume()
  }

  /** Where the answer's bytes come from, for whoever has too many of them. */
  get #source(): { pause(): unknown; resume(): unknown } | undefined {
    return this.#inflater ?? this.#controller
  }

  /** The terminal event is here: what else upstream sends belongs to the tail, if it comes at once. */
  #endSoon(): void {
    if (this.#whole) return
    this.#whole = true
    this.#waitFor(afterEndMs, () => {
      this.#finish(undefined)
      this.#controller?.abort(new Error('the answer is whole'))
    })
  }

  onResponseEnd(): void {
    if (this.#inflater) this.#inflater.end()
    else this.#finish(undefined)
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#finish(error)
  }

  /** The provider is done, or gone, or we gave up on it. */
  #finish(error: Error | undefined): void {
    if (!this.#resolve) return
    try {
      if (this.#client.gone || this.#isAnswer(error)) this.#ended(error)
      else this.#failed(error)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  /** What came is an answer once the client has part of it, or all of it is there and in order. */
  #isAnswer(error: Error | undefined): boolean {
    if (!this.#meter) return false
    if (!this.#preamble) return true
    // A client that was kept awake expects events; a body cannot follow those.
    if (this.#client.began && !this.#meter.streamed) return false
    return !this.#stop && (!error || this.#meter.ending) && this.#meter.complete && !this.#statesFailure(this.#meter)
  }

  #failed(error: Error | undefined): void {
    this.#end({
      began: false,
      failure: this.#failure(error),
      reading: this.#meter?.reading() ?? nothingRead,
      blameless: blameless.has(this.#stop),
      silent: !this.#head,
    })
  }

  #failure(error: Error | undefined): UpstreamFailure {
    if (this.#stop === 'oversize' || this.#stop === 'shutdown') return { kind: 'reset', cause: brokenBy(this.#stop) }
    const stated = this.#meter?.error
    if (stated) return this.#answerFailure(stated)
    // Its head has said the most, however its body ended.
    if (this.#errorBody) return this.#answerFailure(this.#errorBody.bytes, error !== undefined)
    if (this.#head && !error) return this.#answerFailure(this.#rest(this.#meter?.tail()) ?? Buffer.alloc(0))
    return { kind: this.#failureKind(), cause: error }
  }

  /** A bug of ours ends this attempt and no other. It has its row, and its connection its good name. */
  #fail(thrown: unknown): void {
    this.#attempt.outcome ??= {
      status: 'failed',
      httpStatus: this.#head?.status,
      reading: nothingRead,
      endedMs: this.#gateway.clock.elapsed(),
      errorCode: 'internal',
      errorMessage: 'The gateway failed on this answer.',
      maybeBilled: true,
    }
    tellNothing(this.#attempt, this.#gateway)
    this.#leave()
    this.#controller?.abort(new Error('the gateway failed'))
    this.#reject?.(thrown)
  }

  #answerFailure(body: Uint8Array, cut = false): UpstreamFailure {
    const head = this.#head ?? { status: 502, headers: {} }
    return { kind: 'answer', head, body, cut, at: this.#gateway.clock.now() }
  }

  #failureKind(): 'connect' | 'reset' | 'timeout' {
    if (this.#stop === 'timeout' || this.#stop === 'deadline') return 'timeout'
    return this.#controller ? 'reset' : 'connect'
  }

  #ended(error: Error | undefined): void {
    const meter = this.#meter
    // What happens behind the terminal event takes nothing from the answer.
    const complete = meter?.complete === true && (!error || meter.ending)
    const reading = meter?.reading() ?? nothingRead
    const ending = { complete, clientGone: this.#client.gone, stop: this.#stop, reading }
    const status = statusOf(ending)
    this.#attempt.outcome = {
      status,
      httpStatus: this.#head?.status,
      reading,
      endedMs: this.#gateway.clock.elapsed(),
      ...(this.#firstTokenMs !== undefined && { firstTokenMs: this.#firstTokenMs }),
      ...this.#upstreamId(),
      ...errorOf(status, ending, this.#secret),
      ...(!this.#controller && { unsent: true }),
      ...(!complete && this.#maybeBilled(reading) && { maybeBilled: true }),
    } satisfies Outcome
    this.#tell(status)
    this.#end({ began: true, delivery: this.#delivery(status, reading) })
  }

  /** It was sent, and nothing that can be read came to say whether the provider has worked on it. */
  #maybeBilled({ error }: Reading): boolean {
    const status = this.#head?.status ?? 200
    const content = this.#meter?.streamed && this.#meter.began
    return this.#controller !== undefined && !content && !error && (status < 300 || gaveUp(status))
  }

  #tell(status: Outcome['status']): void {
    const error = this.#meter?.error
    if (status === 'complete') tellSucceeded(this.#attempt, this.#gateway)
    else if (status === 'truncated' || status === 'failed') {
      // An error that the provider stated may be the caller's own.
      const verdict: Verdict = error
        ? this.#adapter.classify(this.#answerFailure(error))
        : { fault: 'connection', failover: false }
      tellFailed(this.#attempt, verdict, this.#entry, this.#gateway)
    } else tellNothing(this.#attempt, this.#gateway)
  }

  #delivery(status: Outcome['status'], reading: Reading): Delivery {
    const meter = this.#meter
    // Where the provider told of its error inside the stream, the client has read it already.
    const broken = (status === 'truncated' || status === 'cut') && !reading.error
    return {
      attempt: this.#attempt,
      status: this.#head?.status ?? 502,
      headers: answerHeaders(this.#head, this.#secret),
      // Of a broken answer the rest is half an event, which would spoil the one that says so.
      streamed: meter?.streamed ?? false,
      tail: (member) => (broken ? undefined : this.#rest(meter?.tail(member))),
      ...(broken && { broken: brokenBy(this.#stop) }),
    }
  }

  /** What the client does not have yet: an answer that never came to its commit point is held back whole. */
  #rest(tail: Buffer | undefined): Buffer | undefined {
    const held = this.#preamble?.pieces ?? []
    const rest = held.length > 0 ? Buffer.concat(tail ? [...held, tail] : held) : tail
    if (!rest || !this.#meter?.error) return rest
    return this.#meter.streamed ? scrubEvents(rest, this.#secret) : scrub(rest, this.#secret)
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
    this.#inflater?.destroy()
    if (this.#place) this.#gateway.live.leave(this.#place)
    this.#client.writer = undefined
    if (this.#draining) this.#gateway.live.drains--
  }

  /** Whole answers are read to their end; streams are stopped, unless the connection says to read them too. */
  clientLeft(): void {
    // Nothing more is waited for than whatever comes at once.
    if (this.#whole) return
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
    this.#waitFor(drainMs, () => this.#abort('client'))
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
    const late = this.#deadlines.total
    if (late) {
      this.#abort(late)
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
    const { call, catalog } = this.#entry
    if (call.asked.stream && this.#controller) this.#client.keepAwake(nowMs, catalog.settings.pingAfterMs, this.#entry)
    // Of a stream that was asked for, whatever comes instead of one.
    if (!this.#meter || !call.asked.stream) return
    const silence = this.#deadlines.silence(nowMs, {
      headMs: this.#headMs,
      lastChunkMs: this.#lastChunkMs,
      firstTokenMs: this.#firstTokenMs,
    })
    if (silence) this.#abort(silence)
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

  #upstreamId(): { upstreamRequestId?: string } {
    const id = this.#head?.headers['x-request-id']
    return typeof id === 'string' ? { upstreamRequestId: id } : {}
  }
}

/** A byte order mark counts only at the beginning of a stream. Behind a comment of ours it would spoil its event. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}
