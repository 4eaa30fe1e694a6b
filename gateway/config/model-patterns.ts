import type { ModelPattern } from '../domain/connection.ts'
import type { ConnectionEntry } from './file-schema.ts'

/** A connection's models as written, one by one: `"gpt-*"`, `{alias: upstream}` in a list, or one mapping of aliases. */
export function modelPatterns(models: ConnectionEntry['models']): readonly ModelPattern[] {
  const entries: readonly (string | Record<string, string>)[] = Array.isArray(models) ? models : [models]
  return entries.flatMap((entry) =>
    typeof entry === 'string'
      ? [{ pattern: entry }]
      : Object.entries(entry).map(([pattern, upstream]) => ({ pattern, upstream })),
  )
}
