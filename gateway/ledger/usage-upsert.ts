import { getTableColumns } from 'drizzle-orm'
import { usage } from './schema.ts'

const given = Object.values(getTableColumns(usage)).filter(
  ({ name }) => name !== 'total_tokens' && name !== 'inserted_at',
)
const names = given.map(({ name }) => name)
const columns = names.join(', ')
const read = given.filter(({ name }) => name !== 'started_at').map((column) => `${column.name} ${column.getSQLType()}`)

/** What a row's JSON does not hold: the milliseconds that its UUIDv7 carries, and no flags where it has none. */
const derived: Readonly<Record<string, string>> = {
  started_at: `'epoch'::timestamptz + ('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint * interval '1 ms'`,
  flags: `coalesce(flags, '{}')`,
  // Rows of the release before last: each is a call.
  calls: 'coalesce(calls, 1)',
}

/**
 * Writes a JSON list of rows. One parameter whatever their number: PostgreSQL takes 65,535, which 1,300 rows of ours
 * would pass. As json, not jsonb: it is read once and never kept, and building the binary form first took 40 % more of
 * the server's time.
 */
export const upsert = `
  INSERT INTO tollgate.usage AS old (${columns})
  SELECT ${names.map((name) => derived[name] ?? name).join(', ')}
  FROM json_to_recordset($1::text::json) AS row (${read.join(', ')})
  ORDER BY id
  ON CONFLICT (started_at, id) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}
  WHERE old.revision < excluded.revision
`
