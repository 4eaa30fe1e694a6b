import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core'
import { expect, test } from 'vitest'
import { testDatabase } from '../e2e/database.ts'
import { catalogState, connections, keys, secrets, usage } from './schema.ts'

const current = testDatabase()

interface ColumnShape {
  readonly name: string
  readonly type: string
  readonly required: boolean
}

async function shapeIn(table: string): Promise<readonly ColumnShape[]> {
  return [
    ...(await current().database.sql<ColumnShape[]>`
      SELECT attname AS name, format_type(atttypid, NULL) AS type, attnotnull AS required
      FROM pg_attribute WHERE attrelid = ${`tollgate.${table}`}::regclass AND attnum > 0 AND NOT attisdropped
      ORDER BY attnum
    `),
  ]
}

function shapeOf(table: PgTable): readonly ColumnShape[] {
  return getTableConfig(table).columns.map((column) => ({
    name: column.name,
    type: column.getSQLType(),
    required: column.notNull,
  }))
}

test.each([usage, keys, connections, catalogState, secrets])(
  'the code and the migrations agree on every column',
  async (table) => {
    const { name } = getTableConfig(table)
    expect(await shapeIn(name)).toEqual(shapeOf(table))
  },
)

test('the view for BI tools has the columns of the contract, in its order', async () => {
  const columns = (await shapeIn('usage_rows')).map(({ name }) => name)
  expect(columns.join(', ')).toBe(
    'id, call_id, attempt, started_at, org_id, key_id, user_id, feature, agent_id, agent_name, framework, ' +
      'request_type, session_id, group_name, metadata, dialect, endpoint, stream, requested_model, connection_id, ' +
      'provider, model, service_tier, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, ' +
      'reasoning_tokens, total_tokens, parts, usage_source, cost_nano_usd, charge_nano_usd, overrun_nano_usd, ' +
      'cost_usd, price_status, price_version_id, provider_cost_usd, success, status, flags, http_status, error_code, ' +
      'error_message, response_time_ms, first_token_ms, overhead_ms, tracked, calls',
  )
})
