import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type HealthWord, healthWords } from '../domain/settings.ts'
import { JournalMetrics, type MeasuredFlush, type MeasuredJournal } from './journal-metrics.ts'

/** An attempt as metrics see it. */
export interface MeasuredAttempt {
  readonly candidate: {
    readonly connection: { readonly id: string; readonly provider: string }
    readonly model: string
  }
  readonly sentMs: number
  readonly outcome?: { readonly status: string; readonly endedMs: number; readonly firstTokenMs?: number }
}

export interface MeasuredCost {
  readonly usage: Readonly<Record<string, number | undefined>>
  readonly charge?: number
}

/** Figures that are read when somebody asks for them. */
export interface Gauges {
  readonly live: () => number
  readonly connections: () => readonly { readonly id: string; readonly health: HealthWord }[]
  readonly journal: () => MeasuredJournal
  readonly configuration: () => { readonly version: number; readonly failures: number }
}

const seconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/**
 * Prometheus metrics. Label values come from the configuration alone (connections, their providers, fixed words), never
 * from a request, so that nobody outside can make series. Children are looked up once and kept, and what calls add is
 * summed here until somebody reads: what a call costs is a few additions.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #attempts = this.#counter('tollgate_attempts_total', 'Attempts at connections, by how they ended.', [
    'connection',
    'provider',
    'status',
  ])
  readonly #tokens = this.#counter('tollgate_tokens_total', 'Tokens used, by disjoint part.', [
    'connection',
    'provider',
    'part',
  ])
  readonly #charge = this.#counter('tollgate_charge_usd_total', 'Money charged, in USD.', ['connection', 'provider'])
  readonly #response = this.#histogram('tollgate_response_seconds', 'From sending an attempt to its last byte.')
  readonly #firstToken = this.#histogram(
    'tollgate_first_token_seconds',
    'From sending an attempt to its first content.',
  )
  readonly #refusals = this.#counter('tollgate_refusals_total', 'Requests refused by the gateway, by error code.', [
    'code',
  ])
  readonly #clientRetries = this.#counter(
    'tollgate_client_retries_total',
    'Requests that a client says it has sent before.',
    [],
  )
  readonly #journal: JournalMetrics
  readonly #children = new Map<string, Children>()
  readonly #tallies: Tally[] = []

  constructor(gauges: Gauges) {
    collectDefaultMetrics({ register: this.#registry, prefix: 'tollgate_' })
    this.#gauge('tollgate_live_attempts', 'Attempts under way.', gauges.live)
    this.#healthGauge(gauges.connections)
    this.#journal = new JournalMetrics(this.#registry, gauges.journal)
    this.#gauge(
      'tollgate_config_version',
      'Snapshots of the configuration since the start, the one in effect among them.',
      () => gauges.configuration().version,
    )
    const { configuration } = gauges
    new Counter({
      name: 'tollgate_config_reload_failures_total',
      help: 'Changes of the configuration file that could not be used.',
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(configuration().failures)
      },
    })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    for (const tally of this.#tallies) tally.handOver()
    return this.#registry.metrics()
  }

  attempted({ candidate, outcome, sentMs }: MeasuredAttempt, { usage, charge }: MeasuredCost): void {
    if (!outcome) return
    const children = this.#childrenOf(candidate.connection)
    children.status(outcome.status).add(1)
    children.response.observe((outcome.endedMs - sentMs) / 1000)
    if (outcome.firstTokenMs !== undefined) children.firstToken.observe((outcome.firstTokenMs - sentMs) / 1000)
    for (const part in usage) {
      const amount = usage[part]
      if (amount) children.part(part).add(amount)
    }
    if (charge) children.charge.add(charge / 1e9)
  }

  refused(code: string): void {
    this.#refusals.labels(code).inc()
  }

  clientRetried(): void {
    this.#clientRetries.inc()
  }

  flushed(flush: MeasuredFlush): void {
    this.#journal.flushed(flush)
  }

  #childrenOf({ id, provider }: { readonly id: string; readonly provider: string }): Children {
    let children = this.#children.get(id)
    if (!children) {
      children = {
        status: remembered((status) => this.#tally(this.#attempts, id, provider, status)),
        part: remembered((part) => this.#tally(this.#tokens, id, provider, part)),
        charge: this.#tally(this.#charge, id, provider),
        response: this.#response.labels(id, provider),
        firstToken: this.#firstToken.labels(id, provider),
      }
      this.#children.set(id, children)
    }
    return children
  }

  #tally(counter: Counter, ...labels: string[]): Tally {
    const tally = new Tally(counter.labels(...labels))
    this.#tallies.push(tally)
    return tally
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] })
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({
      name,
      help,
      labelNames: ['connection', 'provider'],
      buckets: seconds,
      registers: [this.#registry],
    })
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }

  #healthGauge(read: Gauges['connections']): void {
    new Gauge({
      name: 'tollgate_connection_health',
      help: 'Health of each connection: 0 healthy, 1 degraded, 2 warning, 3 critical.',
      labelNames: ['connection'],
      registers: [this.#registry],
      collect() {
        // A connection that is gone has no health any more.
        this.reset()
        for (const { id, health } of read()) this.set({ connection: id }, healthWords.indexOf(health))
      },
    })
  }
}

/**
 * What was added to one series since it was last read. prom-client spells out the labels, checks them and makes an
 * object for every addition, of which a call has five.
 */
class Tally {
  readonly #series: Counter.Internal
  #pending = 0

  constructor(series: Counter.Internal) {
    this.#series = series
  }

  add(amount: number): void {
    this.#pending += amount
  }

  handOver(): void {
    if (this.#pending > 0 && this.#pending < Number.POSITIVE_INFINITY) this.#series.inc(this.#pending)
    this.#pending = 0
  }
}

interface Children {
  readonly status: (status: string) => Tally
  readonly part: (part: string) => Tally
  readonly charge: Tally
  readonly response: Histogram.Internal<string>
  readonly firstToken: Histogram.Internal<string>
}

function remembered<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>()
  return (name) => {
    let child = made.get(name)
    if (!child) {
      child = make(name)
      made.set(name, child)
    }
    return child
  }
}
