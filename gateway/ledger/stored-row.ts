/** A row of usage, or some of its columns, as `to_jsonb` has it: with `null` for what is absent. */
export interface Stored<Row> {
  readonly row: Row
}

/** As it was written: what is NULL was absent. */
export function asWritten<Row extends object>({ row }: Stored<Row>): Row {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as Row
}
