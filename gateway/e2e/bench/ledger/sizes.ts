import type { Database } from '../../../ledger/database.ts'
import { tell } from './fill.ts'

/** Rows and bytes of everything that usage fills, partitions under their table. */
export async function sizesOf(database: Database): Promise<void> {
  await database.sql`VACUUM ANALYZE`
  const tables = await database.sql<{ name: string; rows: number; heap: string; indexes: string }[]>`
    SELECT regexp_replace(relname, '_[0-9]{6,8}$', '') AS name, sum(greatest(reltuples, 0))::float8 AS rows,
      pg_size_pretty(sum(pg_table_size(oid))) AS heap, pg_size_pretty(sum(pg_indexes_size(oid))) AS indexes
    FROM pg_class WHERE relnamespace = 'tollgate'::regnamespace AND relkind = 'r'
    GROUP BY 1 HAVING sum(reltuples) > 0 ORDER BY sum(pg_total_relation_size(oid)) DESC`
  for (const { name, rows, heap, indexes } of tables) {
    tell(
      `${name.padEnd(20)} ${String(rows).padStart(10)} rows  ${heap.padStart(9)} + ${indexes.padStart(9)} of indexes`,
    )
  }
}
