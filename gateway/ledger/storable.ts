import type { Uuid } from '../domain/id.ts'
import type { RowText } from '../domain/usage-row.ts'

/**
 * Rows as one JSON list that PostgreSQL can hold. Its text knows no NUL and its jsonb no lone surrogate, and both may
 * stand in what clients and providers send; one such character would take its whole batch down. NULs go, surrogates
 * become U+FFFD.
 */
export function storable(rows: readonly RowText[]): string {
  const list = `[${rows.map(({ json }) => json).join(',')}]`
  // JSON.stringify escapes both, so most texts are known to be clean by one look.
  return /\\u(?:0000|d[89a-f])/.test(list) ? JSON.stringify(cleaned(JSON.parse(list))) : list
}

/** As our ids are. One of a row that came from elsewhere may be anything. */
export function isUuidV7(id: unknown): id is Uuid {
  return typeof id === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '').toWellFormed()
  if (Array.isArray(value)) return value.map(cleaned)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [cleaned(name), cleaned(member)]))
}
