import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../domain/clock.ts'
import { removeSocket } from './socket.ts'

/** The server of a cluster, as its postmaster.pid tells. The file outlives a killed server: see `isRunning`. */
export interface Postmaster {
  readonly pid: number
  readonly socketDirectory: string
  /** `starting`, `ready`, `stopping`; empty before the first of them. */
  readonly status: string
}

export function readPostmaster(cluster: string): Postmaster | undefined {
  let lines: readonly string[]
  try {
    lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return undefined
  }
  const pid = Number(lines[0])
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  return { pid, socketDirectory: lines[4] ?? '', status: (lines[7] ?? '').trim() }
}

/**
 * Whether the process of that id is this cluster's server. A pid alone proves nothing: after a container's restart it
 * is soon another process's, and a killed server whose parent does not reap stays as a zombie, which has no command.
 */
export function isRunning(pid: number, cluster: string): boolean {
  return pid > 0 && commandOf(pid).includes(cluster)
}

function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  } catch {
    return ''
  }
}

// Above every system's largest process id.
const nobodysPid = 2_147_483_647

/**
 * Clears the way after a server that was killed, where its pid lives on as a zombie or as another process, which would
 * keep PostgreSQL from starting. postmaster.pid is not removed: it also names the shared memory by which PostgreSQL
 * sees that children of the dead server are still writing. Only the pid in it is replaced, by one that cannot be.
 */
export function disown(cluster: string, left: Postmaster): void {
  const file = join(cluster, 'postmaster.pid')
  const rest = readFileSync(file, 'utf8').split('\n').slice(1)
  writeFileSync(file, [nobodysPid, ...rest].join('\n'))
  removeSocket(left.socketDirectory)
}

/** Shuts the server down: sessions are ended and everything is written; by force where that takes over 30 s. */
export async function stopPostmaster(pid: number, cluster: string, clock: Clock): Promise<void> {
  // PostgreSQL's own signals: INT is a fast shutdown, QUIT an immediate one that the next start recovers from.
  for (const [signal, patienceMs] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 5_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!isRunning(pid, cluster)) return
    process.kill(pid, signal)
    if (await until(() => !isRunning(pid, cluster), patienceMs, clock)) return
  }
  throw new Error(`PostgreSQL (pid ${pid}) does not end.`)
}

/** Waits for the claim to become true; `false` where it did not in time. */
export async function until(claim: () => boolean, patienceMs: number, clock: Clock): Promise<boolean> {
  const deadline = clock.elapsed() + patienceMs
  while (!claim()) {
    if (clock.elapsed() >= deadline) return false
    await sleep(10)
  }
  return true
}
