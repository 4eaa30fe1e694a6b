import type { Clock } from '../../domain/clock.ts'
import { percentiles } from './figures.ts'
import { LoadConnection, type Outcome } from './load-connection.ts'
import { type Load, type Measured, requestOf } from './load-spec.ts'

// A target that is down would otherwise be asked as fast as it can refuse; the run is void long before.
const errorsMax = 1000
const wrongMax = 5
const openAtOnce = 100

/** One run of one load. */
export class LoadRun {
  readonly #load: Load
  readonly #clock: Clock
  readonly #request: Buffer
  readonly #idle: LoadConnection[] = []
  readonly #busy = new Set<LoadConnection>()
  readonly #waiting: number[] = []
  readonly #totals: number[] = []
  readonly #firsts: number[] = []
  readonly #wrong: string[] = []
  #sent = 0
  #errors = 0
  #bytes = 0
  #over = false
  #drained: () => void = () => {}

  constructor(load: Load, clock: Clock) {
    this.#load = load
    this.#clock = clock
    this.#request = requestOf(load)
  }

  async run(): Promise<Measured> {
    const { connections, seconds, drainMs, arrival } = this.#load
    for (let opened = 0; opened < connections; opened += openAtOnce) {
      const some = Math.min(openAtOnce, connections - opened)
      this.#idle.push(...(await Promise.all(Array.from({ length: some }, () => this.#open()))))
    }
    const startedMs = this.#clock.elapsed()
    if (arrival.kind === 'open') this.#arrive(arrival.perSecond, startedMs)
    else this.#ramp(arrival.rampMs)
    await sleep(seconds * 1000)
    this.#over = true
    if (this.#busy.size > 0)
      await Promise.race([new Promise<void>((resolve) => (this.#drained = resolve)), sleep(drainMs)])
    const elapsedMs = this.#clock.elapsed() - startedMs
    for (const connection of [...this.#busy, ...this.#idle]) connection.close()
    for (const _ of this.#waiting) this.#fail('never asked: every connection was busy')
    return {
      answers: this.#totals.length,
      bytes: this.#bytes,
      errors: this.#errors,
      wrong: this.#wrong,
      elapsedMs,
      totalMs: percentiles(this.#totals),
      firstByteMs: percentiles(this.#firsts),
    }
  }

  #open(): Promise<LoadConnection> {
    return LoadConnection.open(this.#load.port, this.#load.expected, this.#clock)
  }

  #ramp(rampMs: number): void {
    const all = this.#idle.splice(0)
    all.forEach((connection, index) => {
      if (rampMs === 0) this.#again(connection)
      else setTimeout(() => this.#again(connection), (index * rampMs) / all.length)
    })
  }

  #arrive(perSecond: number, dueMs: number): void {
    const now = this.#clock.elapsed()
    let next = dueMs
    while (next <= now && this.#asking) {
      this.#sent++
      const connection = this.#idle.shift()
      if (connection === undefined) this.#waiting.push(now)
      else this.#ask(connection, 0)
      next += (-Math.log(1 - Math.random()) * 1000) / perSecond
    }
    if (this.#asking) setTimeout(() => this.#arrive(perSecond, next), next - now)
  }

  get #asking(): boolean {
    return !this.#over && this.#sent < this.#load.requestsMax && this.#errors < errorsMax
  }

  #ask(connection: LoadConnection, waitedMs: number): void {
    this.#busy.add(connection)
    connection.send(this.#request, (outcome) => {
      this.#busy.delete(connection)
      this.#count(outcome, waitedMs)
      this.#next(connection)
      if (this.#over && this.#busy.size === 0) this.#drained()
    })
  }

  /** A connection is free. One that died is replaced. */
  #next(connection: LoadConnection): void {
    if (connection.usable) this.#again(connection)
    else if (this.#asking)
      this.#open().then(
        (opened) => this.#again(opened),
        (error) => this.#fail(`connect: ${error}`),
      )
  }

  #again(connection: LoadConnection): void {
    const since = this.#waiting.shift()
    if (since !== undefined) {
      this.#ask(connection, this.#clock.elapsed() - since)
    } else if (this.#load.arrival.kind === 'closed' && this.#asking) {
      this.#sent++
      this.#ask(connection, 0)
    } else {
      this.#idle.push(connection)
    }
  }

  #count(outcome: Outcome, waitedMs: number): void {
    if (outcome.wrong !== undefined) {
      this.#fail(outcome.wrong)
      return
    }
    this.#bytes += outcome.bytes
    this.#totals.push(waitedMs + outcome.totalMs)
    this.#firsts.push(waitedMs + outcome.firstByteMs)
  }

  #fail(wrong: string): void {
    this.#errors++
    if (this.#wrong.length < wrongMax) this.#wrong.push(wrong)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
