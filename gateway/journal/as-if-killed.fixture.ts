import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Copies a living journal's folder as it would be had its process died now: all that was written, and no lock held. */
export function copyAsIfKilled(dir: string, copy: string): void {
  mkdirSync(copy)
  for (const name of readdirSync(dir)) {
    if (name.endsWith('.lock')) continue
    try {
      copyFileSync(join(dir, name), join(copy, name))
    } catch (error) {
      // A delivered segment is removed by another thread, and may go at any moment.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
