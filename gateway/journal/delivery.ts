import { appendFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../domain/clock.ts'
import type { RowText } from '../domain/usage-row.ts'
import type { JournalLog, Rejected, UsageSink } from './journal.ts'

const firstRetryMs = 100
const retryMsMax = 5_000

export interface DeliverySettings {
  readonly sink: UsageSink
  /** Where rows go that the sink will never take, one JSON object a line. */
  readonly quarantinePath: string
  readonly clock: Clock
  readonly log: JournalLog
}

/** What the last successful write to the sink was. */
export interface Flush {
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

/** One write to the sink at a time, repeated until it succeeds. */
export class Delivery {
  readonly #settings: DeliverySettings
  readonly #stopped = new AbortController()
  #pause = new AbortController()
  #hurried = false
  #lane: Promise<void> = Promise.resolve()
  delivered = 0
  quarantined = 0
  /** Tries that failed, of the sink or of reading rows back. */
  failures = 0
  last: Flush | undefined

  constructor(settings: DeliverySettings) {
    this.#settings = settings
  }

  get stopped(): boolean {
    return this.#stopped.signal.aborted
  }

  /** Returns when the sink has the rows, or the quarantine those that it will never take; throws `Undelivered`. */
  deliver(rows: readonly RowText[]): Promise<void> {
    const turn = this.#lane.then(() => this.persist('usage rows wait on disk', () => this.#write(rows)))
    this.#lane = turn.catch(() => {})
    return turn
  }

  /** Repeats until it succeeds, at growing intervals with jitter, so that many gateways do not return as one. */
  async persist<T>(trouble: string, action: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      if (this.stopped) throw new Undelivered()
      try {
        const result = await this.#unlessStopped(action())
        if (failures > 0) this.#settings.log.info({ failures }, `${trouble} no longer`)
        return result
      } catch (error) {
        if (this.stopped) throw new Undelivered()
        this.failures++
        if (failures === 0) this.#settings.log.warn({ error }, trouble)
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
    const { sink, clock } = this.#settings
    const startedMs = clock.elapsed()
    const rejected = await sink.write(rows)
    // After the close, the next owner may hold these rows: nothing more is done about them here.
    if (this.stopped) throw new Undelivered()
    const refused = rejected.length === 0 ? 0 : await this.#quarantine(rows, rejected)
    this.delivered += rows.length - refused
    this.last = { at: clock.now(), rows: rows.length, tookMs: clock.elapsed() - startedMs }
  }

  async #quarantine(rows: readonly RowText[], rejected: readonly Rejected[]): Promise<number> {
    const { quarantinePath, clock, log } = this.#settings
    const reasons = new Map(rejected.map(({ id, reason }) => [id, reason]))
    const refused = rows.filter((row) => reasons.has(row.id))
    const at = JSON.stringify(new Date(clock.now()))
    const lines = refused.map(
      ({ id, json }) => `{"at":${at},"reason":${JSON.stringify(reasons.get(id))},"row":${json}}\n`,
    )
    await appendFile(quarantinePath, lines.join(''), { mode: 0o600 })
    this.quarantined += refused.length
    log.error({ rows: refused.length, reason: rejected[0]?.reason }, 'usage rows were refused and put in quarantine')
    return refused.length
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
