import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** The journal as metrics see it; counts are since the start. */
export interface MeasuredJournal {
  readonly pendingRows: number
  readonly oldestPendingMs: number
  readonly orphans: number
  readonly torn: number
  readonly writeErrors: number
  readonly syncErrors: number
  readonly opensDropped: number
  readonly rowsAtRisk: number
  readonly rowsLost: number
  readonly refusalsLost: number
  readonly failing: object | undefined
  readonly sinks: readonly MeasuredSink[]
}

export interface MeasuredSink {
  readonly name: string
  readonly pendingRows: number
  readonly oldestPendingMs: number
  readonly delivered: number
  readonly quarantined: number
  readonly failures: number
  readonly failingMs: number | undefined
}

/** A write to a sink. */
export interface MeasuredFlush {
  readonly sink: string
  readonly rows: number
  readonly tookMs: number
}

type Figure<From> = readonly [name: string, help: string, read: (from: From) => number]

const gauges: readonly Figure<MeasuredJournal>[] = [
  ['tollgate_journal_pending_rows', 'Rows written down that not every sink has.', (journal) => journal.pendingRows],
  ['tollgate_journal_oldest_pending_seconds', 'Age of the oldest of them.', (journal) => journal.oldestPendingMs / 1e3],
  ['tollgate_journal_failing', '1 while the disk does not do what it should.', ({ failing }) => (failing ? 1 : 0)],
  ['tollgate_rows_at_risk', 'Rows that only the memory of this process has.', (journal) => journal.rowsAtRisk],
]

const totals: readonly Figure<MeasuredJournal>[] = [
  ['tollgate_rows_lost_total', 'Rows that neither disk nor memory had room for.', (journal) => journal.rowsLost],
  ['tollgate_refusals_lost_total', 'The same of refusals, which nobody paid for.', (journal) => journal.refusalsLost],
  ['tollgate_journal_opens_dropped_total', 'Attempts made without a record.', (journal) => journal.opensDropped],
  ['tollgate_journal_orphans_total', 'Attempts of dead processes, closed as orphans.', (journal) => journal.orphans],
  ['tollgate_journal_torn_records_total', 'Records that were found damaged.', (journal) => journal.torn],
  ['tollgate_journal_write_errors_total', 'Writes that the disk refused.', (journal) => journal.writeErrors],
  ['tollgate_journal_sync_errors_total', 'Failures to force rows to the disk.', (journal) => journal.syncErrors],
]

const sinkGauges: readonly Figure<MeasuredSink>[] = [
  ['tollgate_sink_pending_rows', 'Rows that a sink has yet to get.', (sink) => sink.pendingRows],
  ['tollgate_sink_oldest_pending_seconds', 'Age of the oldest of them.', (sink) => sink.oldestPendingMs / 1e3],
  ['tollgate_sink_failing_seconds', 'How long a sink has taken nothing.', (sink) => (sink.failingMs ?? 0) / 1e3],
]

const sinkTotals: readonly Figure<MeasuredSink>[] = [
  ['tollgate_sink_delivered_rows_total', 'Rows that a sink was given.', (sink) => sink.delivered],
  ['tollgate_sink_quarantined_rows_total', 'Of these, rows that it put aside.', (sink) => sink.quarantined],
  ['tollgate_sink_failures_total', 'Tries to write to a sink that failed.', (sink) => sink.failures],
]

const secondsSteps = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const rowsSteps = [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000]

/** What the journal and the ways to its sinks tell Prometheus. Sinks are named by the configuration: there are few. */
export class JournalMetrics {
  readonly #seconds: Histogram
  readonly #rows: Histogram

  constructor(registry: Registry, read: () => MeasuredJournal) {
    const registers = [registry]
    const labelNames = ['sink']
    for (const [name, help, figure] of gauges) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(figure(read()))
        },
      })
    }
    for (const [name, help, figure] of totals) {
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset()
          this.inc(figure(read()))
        },
      })
    }
    for (const [name, help, figure] of sinkGauges) {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          for (const sink of read().sinks) this.set({ sink: sink.name }, figure(sink))
        },
      })
    }
    for (const [name, help, figure] of sinkTotals) {
      new Counter({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset()
          for (const sink of read().sinks) this.inc({ sink: sink.name }, figure(sink))
        },
      })
    }
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, labelNames, buckets, registers })
    this.#seconds = histogram('tollgate_flush_seconds', 'How long a sink took for a batch.', secondsSteps)
    this.#rows = histogram('tollgate_flush_rows', 'Rows of a batch.', rowsSteps)
  }

  flushed({ sink, rows, tookMs }: MeasuredFlush): void {
    this.#seconds.observe({ sink }, tookMs / 1e3)
    this.#rows.observe({ sink }, rows)
  }
}
