import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One file of `migrations/`. */
export interface Migration {
  readonly name: string
  /** Its place among the others, and by what the database remembers it: milliseconds since 1970. */
  readonly when: number
  /** Of the file as it is here. */
  readonly sha256: string
  readonly statements: readonly string[]
}

interface Entry {
  readonly tag: string
  readonly when: number
}

/** The migrations that this release knows, oldest first. */
export function migrationsIn(folder: string): readonly Migration[] {
  const journal: { readonly entries: readonly Entry[] } = JSON.parse(
    readFileSync(join(folder, 'meta', '_journal.json'), 'utf8'),
  )
  return journal.entries.map(({ tag, when }) => {
    const text = readFileSync(join(folder, `${tag}.sql`), 'utf8')
    const sha256 = createHash('sha256').update(text).digest('hex')
    return { name: tag, when, sha256, statements: text.split('--> statement-breakpoint') }
  })
}
