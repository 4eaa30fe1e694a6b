import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../domain/clock.ts'
import type { SocketAddress } from '../address.ts'
import type { DataDir } from '../data-dir.ts'
import { accountFor } from './account.ts'
import { findBinaries } from './binaries.ts'
import { database, makeCluster, user } from './cluster.ts'
import { isRunning, readPostmaster } from './postmaster.ts'
import { type Log, Server } from './server.ts'
import { port } from './socket.ts'

/** A PostgreSQL of our own, in the data directory. */
export interface Embedded {
  readonly address: SocketAddress
  /** It was still running: the gateway before us was killed. */
  readonly adopted: boolean
  /** Shuts it down. Without this it outlives us, and the next start adopts it. */
  close(): Promise<void>
}

export interface EmbeddedOptions {
  /** Claimed, so that nobody else starts or stops this server. */
  readonly home: DataDir
  readonly clock: Clock
  readonly log: Log
  /** PostgreSQL's settings, over ours. */
  readonly settings?: Readonly<Record<string, string>>
}

/**
 * Opens the PostgreSQL in `<data dir>/postgres`: makes it at the first start, adopts it where it still runs, recovers
 * it where it was killed, and starts it again should it die later.
 *
 * It is reached through a unix socket alone, in a directory that is closed to everyone else. It runs detached: a
 * terminal's Ctrl-C goes to the whole process group, and the server must outlive the gateway's last flush.
 */
export async function openEmbedded({ home, clock, log, settings = {} }: EmbeddedOptions): Promise<Embedded> {
  const startedMs = clock.elapsed()
  const cluster = clusterIn(home.path)
  const binaries = findBinaries()
  const account = accountFor(home.path, cluster, binaries.native)
  // Enough for the other user to pass through to the cluster, and no more.
  if (account.kind === 'user') chmodSync(home.path, statSync(home.path).mode | 0o111)
  const made = await makeCluster(home.path, cluster, account, binaries)
  const server = new Server({
    cluster,
    logFile: join(home.path, 'postgres.log'),
    account,
    binaries,
    settings,
    clock,
    log,
  })
  const adopted = await server.start()
  log.info(
    { pid: server.pid, made, adopted, ms: Math.round(clock.elapsed() - startedMs) },
    'embedded PostgreSQL is ready',
  )
  return { address: addressIn(server.socketDirectory), adopted, close: () => server.close() }
}

/** Where a data directory's server answers, if its owner has it running: for looking in from beside the gateway. */
export function runningEmbedded(dataDir: string): SocketAddress | undefined {
  const cluster = clusterIn(dataDir)
  const postmaster = readPostmaster(cluster)
  if (postmaster?.status !== 'ready' || !isRunning(postmaster.pid, cluster)) return undefined
  return addressIn(postmaster.socketDirectory)
}

function clusterIn(dataDir: string): string {
  return join(dataDir, 'postgres')
}

function addressIn(socketDirectory: string): SocketAddress {
  return { socketDirectory, port, user, database }
}
