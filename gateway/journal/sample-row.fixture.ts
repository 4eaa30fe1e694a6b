import { setTimeout as sleep } from 'node:timers/promises'
import { type Uuid, uuidV7 } from '../domain/id.ts'
import type { RowText, UsageRow } from '../domain/usage-row.ts'
import type { UsageSink } from './journal.ts'

/** What is known of an attempt when it goes upstream. */
export function openedRow(id: Uuid = uuidV7(Date.now())): UsageRow {
  return {
    id,
    call_id: uuidV7(Date.now()),
    attempt: 1,
    calls: 1,
    revision: 0,
    org_id: 'acme',
    key_id: 'support-bot',
    user_id: 'user-184223',
    feature: 'chat',
    agent_id: 'helper',
    dialect: 'openai-chat',
    endpoint: '/v1/chat/completions',
    stream: true,
    requested_model: 'gpt-4o-mini',
    connection_id: 'main',
    provider: 'sandbox',
    model: 'gpt-4o-mini',
    parts: { input: 40 },
    input_tokens: 40,
    usage_source: 'none',
    success: false,
    status: 'orphan',
    tracked: true,
  }
}

/** An attempt's outcome, about 1 KB of JSON. */
export function finalRow(id: Uuid = uuidV7(Date.now())): UsageRow {
  return {
    ...openedRow(id),
    revision: 2,
    framework: 'langchain',
    session_id: 'sess-7712311',
    service_tier: 'default',
    input_tokens: 1234,
    cached_input_tokens: 1024,
    output_tokens: 321,
    reasoning_tokens: 0,
    total_tokens: 1555,
    parts: { input: 210, cache_read: 1024, output: 321, reasoning: 0 },
    usage_source: 'provider',
    finish_reason: 'stop',
    cost_nano_usd: 300_900,
    charge_nano_usd: 300_900,
    price_status: 'exact',
    price_version_id: 'sandbox/gpt-4o-mini@2026-07-18',
    rates: { input: 150_000_000, cache_read: 75_000_000, output: 600_000_000 },
    success: true,
    status: 'complete',
    http_status: 200,
    response_time_ms: 812,
    first_token_ms: 231,
    overhead_ms: 0.4,
    upstream_request_id: 'req_0a8df8c1',
  }
}

/** A ledger in memory, which can be away, slow, or never answer. */
export class MemoryLedger implements UsageSink {
  readonly rows: UsageRow[] = []
  readonly batches: number[] = []
  away = false
  hung = false
  slowMs = 0
  /** It fails where it is given more at once. */
  rowsMax = Number.POSITIVE_INFINITY

  async write(texts: readonly RowText[]): Promise<void> {
    if (this.hung) await new Promise(() => {})
    if (this.slowMs > 0) await sleep(this.slowMs)
    if (texts.length > this.rowsMax) throw new Error('canceling statement due to statement timeout')
    if (this.away) throw new Error('connect ECONNREFUSED')
    this.batches.push(texts.length)
    this.rows.push(...texts.map(({ json }) => JSON.parse(json)))
  }

  get ids(): readonly Uuid[] {
    return this.rows.map(({ id }) => id)
  }
}
