import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../domain/clock.ts'
import type { RowText } from '../domain/usage-row.ts'
import type { JournalLog, UsageSink } from './journal.ts'
import { Pace } from './pace.ts'

const firstRetryMs = 100
const retryMsMax = 5_000

export interface DeliverySettings {
  /** What the sink is called. */
  readonly name: string
  readonly sink: UsageSink
  readonly clock: Clock
  readonly log: JournalLog
  /** Of one write. */
  readonly batchRowsMax: number
  /** A write to the sink succeeded. */
  readonly flushed: (flush: Flush) => void
}

/** A successful write to a sink. */
export interface Flush {
  readonly sink: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly rows: number
  readonly tookMs: number
}

/** The journal was closed before these rows could be delivered; they are still on disk. */
export class Undelivered extends Error {
  constructor() {
    super('the journal is closed')
    this.name = 'Undelivered'
  }
}

/** One write to a sink at a time, repeated until it succeeds; a batch that fails goes on in smaller ones. */
export class Delivery {
  readonly #settings: DeliverySettings
  readonly #pace: Pace
  readonly #stopped = new AbortController()
  #pause = new AbortController()
  #hurried = false
  #lane: Promise<void> = Promise.resolve()
  #failingSinceMs: number | undefined
  delivered = 0
  /** Tries that failed, of the sink or of reading rows back. */
  failures = 0
  last: Flush | undefined

  constructor(settings: DeliverySettings) {
    this.#settings = settings
    this.#pace = new Pace(settings.batchRowsMax)
  }

  get stopped(): boolean {
    return this.#stopped.signal.aborted
  }

  /** For how long every try has failed; `undefined` where the last one did not. */
  get failingMs(): number | undefined {
    return this.#failingSinceMs === undefined ? undefined : this.#settings.clock.elapsed() - this.#failingSinceMs
  }

  /** Returns when the sink has the rows; throws `Undelivered`. */
  deliver(rows: readonly RowText[]): Promise<void> {
    const turn = this.#lane.then(() => this.#deliver(rows))
    this.#lane = turn.catch(() => {})
    return turn
  }

  async #deliver(rows: readonly RowText[]): Promise<void> {
    let delivered = 0
    while (delivered < rows.length) {
      await this.persist('usage rows wait on disk', async () => {
        const batch = rows.slice(delivered, delivered + this.#pace.rows)
        await this.#write(batch)
        delivered += batch.length
      })
    }
  }

  /** Repeats until it succeeds, at growing intervals with jitter, so that many gateways do not return as one. */
  async persist<T>(trouble: string, action: () => Promise<T>): Promise<T> {
    const { name, clock, log } = this.#settings
    for (let failures = 0; ; failures++) {
      if (this.stopped) throw new Undelivered()
      try {
        const result = await this.#unlessStopped(action())
        if (failures > 0) log.info({ sink: name, failures }, `${trouble} no longer`)
        this.#failingSinceMs = undefined
        return result
      } catch (error) {
        if (this.stopped) throw new Undelivered()
        this.failures++
        this.#pace.failed()
        this.#failingSinceMs ??= clock.elapsed()
        if (failures === 0) log.warn({ error, sink: name }, trouble)
        await this.#wait(failures)
      }
    }
  }

  async #wait(failures: number): Promise<void> {
    const longestMs = this.#hurried ? firstRetryMs : Math.min(retryMsMax, firstRetryMs * 2 ** failures)
    const delayMs = longestMs * (0.5 + Math.random() / 2)
    await sleep(delayMs, undefined, { ref: false, signal: this.#pause.signal }).catch(() => {})
  }

  async #write(rows: readonly RowText[]): Promise<void> {
    const { name, sink, clock, flushed } = this.#settings
    const startedMs = clock.elapsed()
    await sink.write(rows)
    // After the close, the next owner may hold these rows: nothing more is done about them here.
    if (this.stopped) throw new Undelivered()
    const tookMs = clock.elapsed() - startedMs
    this.#pace.took(rows.length, tookMs)
    this.delivered += rows.length
    this.last = { sink: name, at: clock.now(), rows: rows.length, tookMs }
    flushed(this.last)
  }

  /** A sink that never answers must not keep a process from ending. */
  #unlessStopped<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = this.#stopped
      const stop = (): void => reject(new Undelivered())
      signal.addEventListener('abort', stop, { once: true })
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
    })
  }

  /** The process is about to end: tries again now, and from now on without growing intervals. */
  hurry(): void {
    this.#hurried = true
    this.#pause.abort()
    this.#pause = new AbortController()
  }

  /** Ends all waiting; what is not delivered yet is not going to be. */
  stop(): void {
    this.#stopped.abort()
    this.#pause.abort()
  }
}
