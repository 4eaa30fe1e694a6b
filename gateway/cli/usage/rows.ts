import { publicId, timeOf } from '../../domain/id.ts'
import { usdFromNano } from '../../domain/money.ts'
import type { UsageRow } from '../../domain/usage-row.ts'
import { count, duration, usd } from '../format.ts'
import { print } from '../output.ts'
import { type Cell, growingTable } from '../table.ts'

/** Prints rows as they come: a table that keeps its columns, or a JSON document a line. */
export function rowPrinter(asJson: boolean, timeZone: string): (rows: readonly UsageRow[]) => void {
  if (asJson) {
    return (rows) => {
      for (const row of rows) print(JSON.stringify(documentOf(row)))
    }
  }
  const lines = growingTable(columnsIn(timeZone))
  const clockOf = new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'medium' })
  let begun = false
  return (rows) => {
    if (rows.length > 0 || !begun) print(lines(rows.map((row) => cellsOf(row, clockOf))))
    begun = true
  }
}

function columnsIn(timeZone: string) {
  return [
    { head: `TIME ${timeZone}` },
    { head: 'KEY', widthMin: 8 },
    { head: 'USER', widthMin: 6, widthMax: 20 },
    { head: 'MODEL', widthMin: 16, widthMax: 32 },
    { head: 'CONNECTION', widthMin: 12 },
    { head: 'STATUS', widthMin: 10 },
    { head: 'IN', align: 'right', widthMin: 7 },
    { head: 'OUT', align: 'right', widthMin: 7 },
    { head: 'CHARGE', align: 'right', widthMin: 12 },
    { head: 'TOOK', align: 'right', widthMin: 7 },
    { head: 'ERROR' },
  ] as const
}

function cellsOf(row: UsageRow, clockOf: Intl.DateTimeFormat): readonly Cell[] {
  return [
    clockOf.format(timeOf(row.id)),
    row.key_id,
    row.user_id ?? '—',
    row.model ?? row.requested_model,
    row.connection_id ?? '—',
    { text: row.status, style: row.success ? 'green' : 'red' },
    count(row.input_tokens),
    count(row.output_tokens),
    usd(row.charge_nano_usd),
    row.response_time_ms === undefined ? '—' : duration(row.response_time_ms),
    row.error_code ?? '',
  ]
}

/** `null` is unknown; money is a decimal string, so that nobody's floats touch it. */
function documentOf(row: UsageRow) {
  return {
    request_id: publicId('req', row.call_id),
    attempt: row.attempt,
    started_at: new Date(timeOf(row.id)).toISOString(),
    org: row.org_id,
    key: row.key_id,
    user: row.user_id ?? null,
    feature: row.feature ?? null,
    endpoint: row.endpoint,
    stream: row.stream,
    requested_model: row.requested_model,
    model: row.model ?? null,
    provider: row.provider ?? null,
    connection: row.connection_id ?? null,
    status: row.status,
    success: row.success,
    http_status: row.http_status ?? null,
    error_code: row.error_code ?? null,
    usage_source: row.usage_source,
    input_tokens: row.input_tokens ?? null,
    output_tokens: row.output_tokens ?? null,
    total_tokens: row.total_tokens ?? null,
    cost_usd: usdOrNull(row.cost_nano_usd),
    charge_usd: usdOrNull(row.charge_nano_usd),
    price_status: row.price_status ?? null,
    response_time_ms: row.response_time_ms ?? null,
    first_token_ms: row.first_token_ms ?? null,
  }
}

function usdOrNull(nano: number | undefined): string | null {
  return nano === undefined ? null : usdFromNano(nano)
}
