import { existsSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Account, privateDirectory } from './account.ts'

/** A part of the socket's name, and nothing else: nothing listens on TCP. */
export const port = 5432
const socketName = `.s.PGSQL.${port}`

const shortDirectory = '/tmp/tollgate-'

/**
 * Where the server's socket is to stand: in the cluster, which is closed to others already, or in a private directory
 * of its own where that path is longer than a socket's may be. `current` is kept if it is there: sessions reconnect.
 */
export function placeSocket(cluster: string, current: string, account: Account): string {
  if (fits(cluster)) return cluster
  return existsSync(current) ? current : privateDirectory(shortDirectory, account)
}

function fits(directory: string): boolean {
  const bytesMax = process.platform === 'darwin' ? 103 : 107
  return Buffer.byteLength(join(directory, socketName)) <= bytesMax
}

/** Removes a dead server's socket, and the lock beside it, which names a pid as well. */
export function removeSocket(directory: string): void {
  for (const name of [`${socketName}.lock`, socketName]) rmSync(join(directory, name), { force: true })
}

/** Removes the socket for good, and the private directory that it stood in, if it did. */
export function vacate(directory: string): void {
  removeSocket(directory)
  if (!directory.startsWith(shortDirectory) || directory.indexOf('/', shortDirectory.length) >= 0) return
  try {
    // Not recursively: whatever the path turns out to be, a directory that holds more than a dead socket stays.
    rmdirSync(directory)
  } catch {
    // Gone already, or not ours.
  }
}
