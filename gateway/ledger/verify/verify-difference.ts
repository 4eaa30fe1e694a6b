/** Where two of the ledger's books do not say the same. */
export interface Difference {
  /** What was compared with the rows; `call` is about the rows themselves. */
  readonly book: 'rollups' | 'budget_spend' | 'users_seen' | 'call'
  /** Where it is: the level, the time and the labels of a sum, a budget's window, a user, a call. */
  readonly place: Readonly<Record<string, string | null>>
  readonly measure: string
  /** What the rows say, and what the other book does; `null`: it is not there. */
  readonly rows: string | null
  readonly book_says: string | null
}

/** So many of a kind are told; whoever has more has one problem, not many. */
export const toldMax = 100
