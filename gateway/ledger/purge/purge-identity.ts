/** The column that says it. */
export const identityColumns = { user: 'user_id', session: 'session_id', agent: 'agent_id', key: 'key_id' } as const

/** Who is forgotten: all rows whose column has this value, of one organisation or of every. */
export interface Identity {
  readonly kind: keyof typeof identityColumns
  readonly value: string
  readonly org?: string | undefined
}
