import type { Source } from './admin/control.ts'
import type { Configuration } from './config.ts'
import { boxedIds } from './declared.ts'

/** Who decides about the connection of this id: the file before the database, and both before the box. */
export function sourceOf(id: string, stored: boolean, { source }: Configuration): Source {
  const index = source.content.connections.findIndex((entry) => entry.id === id)
  if (index >= 0) {
    const { file, line } = source.document.place(['connections', index])
    return { kind: 'file', file, line }
  }
  return boxedIds.includes(id) && !stored ? { kind: 'built-in' } : { kind: 'database' }
}
