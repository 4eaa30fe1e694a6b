import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RowText } from '../domain/usage-row.ts'
import { readChunk } from './read-segment.ts'

/** What the journals of a folder hold at this moment, whoever they belong to. */
export interface JournalRows {
  /** Outcomes of attempts, delivered or not. */
  readonly rows: readonly RowText[]
  /** Pieces that are no whole records: the tail of a write that is under way, or of a process that died in one. */
  readonly torn: number
}

/**
 * Reads along without touching anything: no lock is taken, and a segment that is delivered and removed meanwhile is left
 * out. A piece at a time, so that a folder of gigabytes costs no more memory than one piece's rows.
 */
export async function* readJournals(dir: string): AsyncGenerator<JournalRows> {
  for (const name of await segmentsIn(dir)) {
    const path = join(dir, name)
    try {
      const { size } = await stat(path)
      for (let start = 0; start < size; ) {
        const { records, torn, end, last } = await readChunk(path, start, size)
        const outcomes = records.filter((record) => record.kind === 'row' || record.kind === 'kept')
        yield { rows: outcomes.map(({ row }) => row), torn }
        if (last || end === start) break
        start = end
      }
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
}

async function segmentsIn(dir: string): Promise<readonly string[]> {
  try {
    return (await readdir(dir)).filter((name) => /-\d+\.log$/.test(name)).sort()
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
