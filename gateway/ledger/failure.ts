import type { Target } from './address.ts'

/** What went wrong with the database, as the operator reads it: the fact, the place, and never the password. */
export function inWords(error: unknown, place: string, target: Pick<Target, 'user' | 'database'>): string {
  const { code, message, hint } = failureOf(error)
  const user = target.user ?? 'the default user'
  if (/\bTLS\b|certificate/i.test(message)) return `PostgreSQL at ${place} and sslmode do not agree: ${message}.`
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return `PostgreSQL does not answer at ${place} (${code}): is it running?`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `PostgreSQL's host is not known to DNS: ${place} (${code}).`
    case 'CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `PostgreSQL cannot be reached at ${place} (${code}): a firewall, or the wrong host?`
    case '28P01':
    case '28000':
      return `PostgreSQL at ${place} does not let ${user} in (${code}): user, password, or pg_hba.conf.`
    case '3D000':
      return `PostgreSQL at ${place} has no database ${target.database ?? user}.`
    case '42501':
      return `PostgreSQL at ${place} does not allow ${user} to do this: ${message}.${hint ? ` ${hint}` : ''}`
    case '53300':
      return `PostgreSQL at ${place} has no session left (max_connections).`
    case '55P03':
      return `PostgreSQL at ${place} is busy: a change of the schema did not get its lock in time. Try again.`
    case '57P03':
      return `PostgreSQL at ${place} is starting up.`
    default:
      return `PostgreSQL at ${place}: ${message}${code ? ` (${code})` : ''}.`
  }
}

export interface Failure {
  /** PostgreSQL's SQLSTATE, the system's error name, or the driver's. */
  readonly code: string
  readonly message: string
  /** What PostgreSQL, or a migration of ours, says can be done about it. */
  readonly hint?: string | undefined
}

export function failureOf(error: unknown): Failure {
  // A host with several addresses fails with one error for each.
  const one = error instanceof AggregateError ? error.errors[0] : error
  // drizzle wraps the driver's errors.
  const root = one instanceof Error && !('code' in one) && one.cause instanceof Error ? one.cause : one
  const code = root instanceof Error && 'code' in root ? String(root.code) : ''
  const hint = root instanceof Error && 'hint' in root ? String(root.hint) : undefined
  return { code, message: root instanceof Error ? root.message : String(root), hint }
}

/**
 * Whether it is the row's own fault (a value PostgreSQL cannot hold: data exceptions, broken constraints, exceeded
 * limits) and the same row would fail again. Everything else is the database's, and passes.
 */
export function isPoison({ code }: Failure): boolean {
  return /^(22|23|54)...$/.test(code)
}
