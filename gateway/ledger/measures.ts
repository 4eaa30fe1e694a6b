/**
 * The columns of `tollgate.rollups` that are sums, and what each row of `tollgate.usage` brings to them: the reading side
 * of what the migration's `rollup_statement` writes. A test compares the two on random rows.
 */
export const measures = {
  rows: '1',
  calls: 'calls',
  attempts: '(attempt > 0)::integer',
  successes: 'success::integer',
  refused: "CASE WHEN status = 'refused' THEN calls END",
  fallbacks: '(calls > 0 AND attempt > 1)::integer',
  unpriced: "(price_status = 'missing')::integer",
  estimated: "(usage_source IN ('counted', 'provider_partial'))::integer",
  input_tokens: 'input_tokens',
  input_known: '(input_tokens IS NOT NULL)::integer',
  cached_input_tokens: 'cached_input_tokens',
  cached_input_known: '(cached_input_tokens IS NOT NULL)::integer',
  cache_write_tokens: 'cache_write_tokens',
  cache_write_known: '(cache_write_tokens IS NOT NULL)::integer',
  output_tokens: 'output_tokens',
  output_known: '(output_tokens IS NOT NULL)::integer',
  reasoning_tokens: 'reasoning_tokens',
  reasoning_known: '(reasoning_tokens IS NOT NULL)::integer',
  cost_nano_usd: 'cost_nano_usd',
  cost_known: '(cost_nano_usd IS NOT NULL)::integer',
  charge_nano_usd: 'charge_nano_usd',
  charge_known: '(charge_nano_usd IS NOT NULL)::integer',
  overrun_nano_usd: 'overrun_nano_usd',
  provider_cost_nano_usd: 'provider_cost_nano_usd',
  provider_cost_known: '(provider_cost_nano_usd IS NOT NULL)::integer',
  drift_nano_usd: 'provider_cost_nano_usd - cost_nano_usd',
  drift_known: '(provider_cost_nano_usd IS NOT NULL AND cost_nano_usd IS NOT NULL)::integer',
  response_ms: 'round(response_time_ms)',
  response_known: '(response_time_ms IS NOT NULL)::integer',
  first_token_ms: 'round(first_token_ms)',
  first_token_known: '(first_token_ms IS NOT NULL)::integer',
  overhead_us: 'round(overhead_ms * 1000)',
  overhead_known: '(overhead_ms IS NOT NULL)::integer',
  streamed_tokens: 'CASE WHEN first_token_ms < response_time_ms THEN output_tokens END',
  streaming_ms:
    'CASE WHEN first_token_ms < response_time_ms AND output_tokens IS NOT NULL THEN round(response_time_ms - first_token_ms) END',
} as const

export type Measure = keyof typeof measures

/**
 * The labels that a series is told apart by, its user aside. Its id is made of them in this order, which is that of the
 * migration's `rollup_statement`.
 */
export const seriesLabels = [
  ...(['org_id', 'key_id', 'connection_id', 'provider', 'model', 'requested_model'] as const),
  ...(['feature', 'agent_id', 'agent_name', 'framework', 'request_type'] as const),
  ...(['stream', 'usage_source', 'status', 'error_code'] as const),
] as const

/** Those that no sum is made of, but which merge: how many rows took how long. */
export const histograms = {
  response: { column: 'response_histogram', row: 'response_time_ms' },
  first_token: { column: 'first_token_histogram', row: 'first_token_ms' },
} as const

export type HistogramName = keyof typeof histograms
