import type { RowStatus } from '../domain/usage-row.ts'
import type { Fragment, Reader } from './reading.ts'

/** Which rows are meant: all that match every member. */
export interface UsageFilter {
  readonly key?: string | undefined
  readonly org?: string | undefined
  readonly user?: string | undefined
  readonly feature?: string | undefined
  readonly session?: string | undefined
  readonly connection?: string | undefined
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly status?: RowStatus | undefined
  readonly success?: boolean | undefined
}

const columns = {
  key: 'key_id',
  org: 'org_id',
  user: 'user_id',
  feature: 'feature',
  session: 'session_id',
  connection: 'connection_id',
  provider: 'provider',
  model: 'model',
  status: 'status',
  success: 'success',
} as const satisfies Record<keyof UsageFilter, string>

/** The filter as conditions to go on with: ` AND key_id = $1 …`. Names come from the table above, never from outside. */
export function where(sql: Reader, filter: UsageFilter): Fragment {
  let conditions: Fragment = sql``
  for (const [member, column] of Object.entries(columns)) {
    const value = filter[member as keyof UsageFilter]
    if (value !== undefined) conditions = sql`${conditions} AND ${sql(column)} = ${value}`
  }
  return conditions
}
