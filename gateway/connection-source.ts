import type { Source } from './admin/control.ts'
import type { Configuration } from './config.ts'
import { boxedIds } from './declared.ts'

/** Who decides about the connection of this id: the file before the database, and both before the box. */
export function sourceOf(id: string, stored: boolean, { connectionPlaces }: Configuration): Source {
  const place = connectionPlaces.get(id)
  if (place !== undefined) return { kind: 'file', file: place.file, line: place.line }
  return boxedIds.includes(id) && !stored ? { kind: 'built-in' } : { kind: 'database' }
}
