import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Who PostgreSQL runs as. It refuses root, so under root it runs as another user where that user can reach the
 * cluster, else as root that calls itself `nobody` in a user namespace of its own (a checkout in /root, say). The owner
 * of the cluster's files is the record of that choice: a cluster made one way cannot be run the other.
 */
export type Account =
  | { readonly kind: 'self' }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'namespace' }

const nobody = { uid: 65534, gid: 65534 }

/** The account for the cluster in `dataDir/postgres`, which may not be there yet; `native` is where the programs are. */
export function accountFor(dataDir: string, cluster: string, native: string): Account {
  if (process.getuid?.() !== 0) return { kind: 'self' }
  const owner = statSync(cluster, { throwIfNoEntry: false })
  if (owner?.uid === 0) return { kind: 'namespace' }
  const user = owner ?? nobody
  // The data directory itself is ours to open; what lies above it is not.
  const reached = mayEnter(dirname(dataDir), user) && mayEnter(native, user)
  if (reached) return { kind: 'user', uid: user.uid, gid: user.gid }
  if (!owner) return { kind: 'namespace' }
  throw new Error(
    `${cluster} belongs to uid ${user.uid}, who may not enter ${dataDir} or ${native}. ` +
      'Move them to where that user may go, or start Tollgate as that user.',
  )
}

function mayEnter(path: string, user: { readonly uid: number; readonly gid: number }): boolean {
  const { uid, gid, mode } = statSync(path)
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
  if ((mode & bit) === 0) return false
  return path === dirname(path) || mayEnter(dirname(path), user)
}

export interface Launch {
  readonly stdio: StdioOptions
  readonly detached: boolean
}

/** Starts one of PostgreSQL's programs as the account. */
export function launch(account: Account, program: string, args: readonly string[], how: Launch): ChildProcess {
  // A bare environment, since ours holds keys; and `/`, since the account may not be allowed into our own directory.
  const options = { ...how, cwd: '/', env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } }
  if (account.kind === 'user') return spawn(program, args, { ...options, uid: account.uid, gid: account.gid })
  if (account.kind === 'self') return spawn(program, args, options)
  return spawn('unshare', ['--user', `--map-user=${nobody.uid}`, '--', program, ...args], options)
}

/** A new directory that only the account may enter. */
export function privateDirectory(prefix: string, account: Account): string {
  const path = mkdtempSync(prefix)
  chmodSync(path, 0o700)
  if (account.kind === 'user') chownSync(path, account.uid, account.gid)
  return path
}
