import { uuidV7 } from './id.ts'
import type { UsageRow } from './usage-row.ts'

/** A finished call of one attempt that began at that time, of which nothing more is known than has to be. */
export function rowAt(at: number, over: Partial<UsageRow> = {}): UsageRow {
  const id = uuidV7(at)
  return {
    id,
    call_id: id,
    attempt: 1,
    calls: 1,
    revision: 2,
    org_id: 'acme',
    key_id: 'dev',
    dialect: 'openai-chat',
    endpoint: '/v1/chat/completions',
    stream: false,
    requested_model: 'fast',
    usage_source: 'none',
    success: true,
    status: 'complete',
    tracked: true,
    ...over,
  }
}
