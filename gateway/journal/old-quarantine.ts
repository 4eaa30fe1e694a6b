import { createReadStream } from 'node:fs'
import { readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Uuid } from '../domain/id.ts'
import type { RowText, UsageRow } from '../domain/usage-row.ts'
import type { JournalLog } from './journal.ts'

const name = 'quarantine.jsonl'
const rowsAtOnce = 500

export interface QuarantineSettings {
  readonly dir: string
  /** Names what this process has taken up. */
  readonly boot: Uuid
  /** Resolves when the rows are written to this process's own journal; throws where they cannot be. */
  readonly take: (rows: readonly RowText[]) => Promise<void>
  readonly log: JournalLog
}

/**
 * Release 0.2.0 put rows that PostgreSQL refused into a file beside the journal. Sinks put them aside themselves now: what
 * is in such a file goes through the journal again, and the file away. Moved first, since a process of that release may
 * still append to it; whoever finds one that was moved, and whose process died, does the same. Never fails.
 */
export async function takeUpQuarantine({ dir, boot, take, log }: QuarantineSettings): Promise<void> {
  try {
    for (const found of (await readdir(dir)).filter((file) => file.startsWith(name))) {
      const moved = join(dir, `${name}.${boot}`)
      await rename(join(dir, found), moved)
      const rows = await readInto(moved, take)
      await unlink(moved)
      log.info({ rows }, 'rows of an old quarantine file are delivered again')
    }
  } catch (error) {
    // Another process that starts now may have been faster. Else it stays for the next start.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log.error({ error }, `${name} cannot be taken up`)
  }
}

async function readInto(path: string, take: QuarantineSettings['take']): Promise<number> {
  let rows = 0
  let batch: RowText[] = []
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    const row = rowIn(line)
    if (!row) continue
    rows++
    batch.push(row)
    if (batch.length < rowsAtOnce) continue
    await take(batch)
    batch = []
  }
  await take(batch)
  return rows
}

/** The last line may be torn: its process died over it, and the row is in that process's journal. */
function rowIn(line: string): RowText | undefined {
  try {
    const { row } = JSON.parse(line) as { readonly row: UsageRow }
    return { id: row.id, revision: row.revision, json: JSON.stringify(row) }
  } catch {
    return undefined
  }
}
