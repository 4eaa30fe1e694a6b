import type { HistogramName, Measure } from '../measures.ts'
import { percentileOf } from './histogram.ts'

/** A number of the answer: `bigint` is nano-dollars, `null` unknown. */
export type Value = number | bigint | null

/** What has been added up of one group and one stretch of time. */
export interface Tally {
  /** 0 where nothing was read. */
  sum(measure: Measure): bigint
  histogram(name: HistogramName): ReadonlyMap<number, number>
  readonly firstAt: number | undefined
  readonly lastAt: number | undefined
  readonly users: number
}

interface MetricRule {
  readonly unit: 'count' | 'nano_usd' | 'ms' | 'share' | 'ratio' | 'instant'
  readonly needs: readonly Measure[]
  readonly histogram?: HistogramName
  /** What else has to be read. */
  readonly also?: 'times' | 'users'
  readonly value: (tally: Tally) => Value
}

/** Every number that can be asked for. Averages, shares and percentiles are made of what was added up, never averaged. */
export const metrics = {
  requests: count('calls'),
  successes: count('successes'),
  /** All calls that did not succeed: refused ones and those that the client left, too. */
  errors: {
    unit: 'count',
    needs: ['calls', 'successes'],
    value: (tally) => Number(tally.sum('calls') - tally.sum('successes')),
  },
  refused: count('refused'),
  attempts: count('attempts'),
  /** Calls whose last attempt was not the first. */
  fallbacks: count('fallbacks'),
  // Of attempts, not of calls: the names are those that people know them by.
  unpriced_requests: count('unpriced'),
  estimated_requests: count('estimated'),
  success_rate: share('successes', 'calls'),
  error_rate: {
    unit: 'share',
    needs: ['calls', 'successes'],
    value: (tally) => ratioOf(tally.sum('calls') - tally.sum('successes'), tally.sum('calls')),
  },
  attempt_success_rate: share('successes', 'attempts'),
  tokens_input: known('input_tokens', 'input_known'),
  tokens_cached: known('cached_input_tokens', 'cached_input_known'),
  tokens_cache_write: known('cache_write_tokens', 'cache_write_known'),
  tokens_output: known('output_tokens', 'output_known'),
  tokens_reasoning: known('reasoning_tokens', 'reasoning_known'),
  tokens_total: {
    unit: 'count',
    needs: ['input_tokens', 'input_known', 'output_tokens', 'output_known'],
    value: (tally) => {
      const told = tally.sum('input_known') > 0n || tally.sum('output_known') > 0n
      return told ? Number(tally.sum('input_tokens') + tally.sum('output_tokens')) : null
    },
  },
  cost_usd: money('cost_nano_usd', 'cost_known'),
  charge_usd: money('charge_nano_usd', 'charge_known'),
  overrun_usd: {
    unit: 'nano_usd',
    needs: ['overrun_nano_usd'],
    value: (tally) => tally.sum('overrun_nano_usd'),
  },
  provider_cost_usd: money('provider_cost_nano_usd', 'provider_cost_known'),
  drift_usd: money('drift_nano_usd', 'drift_known'),
  cost_per_request: {
    unit: 'nano_usd',
    needs: ['cost_nano_usd', 'cost_known', 'calls'],
    value: (tally) => {
      const calls = tally.sum('calls')
      return calls > 0n && tally.sum('cost_known') > 0n
        ? (2n * tally.sum('cost_nano_usd') + calls) / (2n * calls)
        : null
    },
  },
  tokens_per_usd: {
    unit: 'ratio',
    needs: ['input_tokens', 'output_tokens', 'cost_nano_usd'],
    value: (tally) => {
      const dollars = Number(tally.sum('cost_nano_usd')) / 1e9
      return dollars > 0 ? Number(tally.sum('input_tokens') + tally.sum('output_tokens')) / dollars : null
    },
  },
  cached_share: share('cached_input_tokens', 'input_tokens', 'cached_input_known'),
  output_input_ratio: { ...share('output_tokens', 'input_tokens', 'output_known'), unit: 'ratio' },
  latency_avg_ms: average('response_ms', 'response_known'),
  latency_p50_ms: percentile('response', 0.5),
  latency_p95_ms: percentile('response', 0.95),
  latency_p99_ms: percentile('response', 0.99),
  ttft_avg_ms: average('first_token_ms', 'first_token_known'),
  ttft_p50_ms: percentile('first_token', 0.5),
  ttft_p95_ms: percentile('first_token', 0.95),
  ttft_p99_ms: percentile('first_token', 0.99),
  overhead_avg_ms: average('overhead_us', 'overhead_known', 1_000),
  output_tps: {
    unit: 'ratio',
    needs: ['streamed_tokens', 'streaming_ms'],
    value: (tally) => ratioOf(tally.sum('streamed_tokens') * 1_000n, tally.sum('streaming_ms')),
  },
  active_users: { unit: 'count', needs: [], also: 'users', value: (tally) => tally.users },
  first_used: { unit: 'instant', needs: [], also: 'times', value: (tally) => tally.firstAt ?? null },
  last_used: { unit: 'instant', needs: [], also: 'times', value: (tally) => tally.lastAt ?? null },
} as const satisfies Record<string, MetricRule>

export type Metric = keyof typeof metrics
export const metricNames = Object.keys(metrics) as readonly Metric[]

export function ruleOf(metric: Metric): MetricRule {
  return metrics[metric]
}

function count(measure: Measure): MetricRule {
  return { unit: 'count', needs: [measure], value: (tally) => Number(tally.sum(measure)) }
}

function known(measure: Measure, times: Measure): MetricRule {
  return {
    unit: 'count',
    needs: [measure, times],
    value: (tally) => (tally.sum(times) > 0n ? Number(tally.sum(measure)) : null),
  }
}

function money(measure: Measure, times: Measure): MetricRule {
  return {
    unit: 'nano_usd',
    needs: [measure, times],
    value: (tally) => (tally.sum(times) > 0n ? tally.sum(measure) : null),
  }
}

/** `times` counts the rows that say the part: of none it is unknown, not nothing. */
function share(part: Measure, whole: Measure, times: Measure = whole): MetricRule {
  return {
    unit: 'share',
    needs: [part, whole, times],
    value: (tally) => (tally.sum(times) > 0n ? ratioOf(tally.sum(part), tally.sum(whole)) : null),
  }
}

function average(sum: Measure, times: Measure, unitsPerMs = 1): MetricRule {
  return {
    unit: 'ms',
    needs: [sum, times],
    value: (tally) => {
      const mean = ratioOf(tally.sum(sum), tally.sum(times))
      return mean === null ? null : mean / unitsPerMs
    },
  }
}

function percentile(histogram: HistogramName, of: number): MetricRule {
  return { unit: 'ms', needs: [], histogram, value: (tally) => percentileOf(tally.histogram(histogram), of) }
}

function ratioOf(part: bigint, whole: bigint): number | null {
  return whole > 0n ? Number(part) / Number(whole) : null
}
