import type { UsageRow } from './usage-row.ts'

/** The columns that say who a call was for: what rows of calls that are not tracked lack, and a purge takes away. */
export const personalColumns = [
  'user_id',
  'feature',
  'agent_id',
  'agent_name',
  'session_id',
  'group_name',
  'metadata',
] as const satisfies readonly (keyof UsageRow)[]

/** All of them: whoever fills them in forgets none. */
export type Personal = { readonly [column in (typeof personalColumns)[number]]: UsageRow[column] }

/** What each level says of tracking; `undefined`: nothing, so the next one decides. */
export interface TrackingLevels {
  /** The call itself, where its key lets it say who it is for. */
  readonly request: boolean | undefined
  readonly key: boolean | undefined
  /** Of a call that was refused before it had one, or came in from outside without, nothing. */
  readonly connection?: boolean | undefined
  readonly installation: boolean
}

/**
 * Whether a row says who its call was for. The nearest level that says anything decides. Without tracking the row is
 * written all the same, without its personal columns: limits, budgets and totals are made of what calls use, whoever they
 * are for.
 */
export function isTracked({ request, key, connection, installation }: TrackingLevels): boolean {
  return request ?? key ?? connection ?? installation
}
