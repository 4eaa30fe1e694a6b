import type { UsageRow } from './usage-row.ts'

/** What of a row its price follows from, and what follows from that: all that a correction of prices has to know. */
export const pricedColumns = [
  'id',
  'org_id',
  'connection_id',
  'provider',
  'model',
  'service_tier',
  'input_tokens',
  'status',
  'usage_source',
  'provider_cost_nano_usd',
  'parts',
  'cost_nano_usd',
  'charge_nano_usd',
  'price_status',
  'price_version_id',
  'rates',
  'flags',
] as const satisfies readonly (keyof UsageRow)[]

export type PricedRow = Pick<UsageRow, (typeof pricedColumns)[number]>
