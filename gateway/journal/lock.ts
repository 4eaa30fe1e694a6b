import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/**
 * Says that a journal's owner lives: an exclusive SQLite transaction, whose file lock the kernel frees at death,
 * however it came about. Nothing else may open the file: on POSIX, closing any descriptor of it in this process would
 * drop the lock (SQLite itself knows, and takes care between its own connections).
 */
export interface Lock {
  /** Ends ownership and removes the file. */
  remove(): void
  /** Ends ownership; the file stays beside the segments that await their next owner. */
  release(): void
}

const busy = 5

/** Takes the lock, or returns `undefined` where its owner lives. */
export function takeLock(path: string): Lock | undefined {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // Nothing is ever written, so there is nothing to roll back: without this a journal file of SQLite's lies beside it.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { readonly errcode?: number }).errcode === busy) return undefined
    throw error
  }
  return {
    remove() {
      // While it is still ours: nobody can then hold a file of this name that we are about to remove.
      rmSync(path, { force: true })
      database.close()
    },
    release: () => database.close(),
  }
}
