import type { ChildProcess } from 'node:child_process'
import { appendFileSync, closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../domain/clock.ts'
import { type Account, launch } from './account.ts'
import type { Binaries } from './binaries.ts'
import { disown, isRunning, readPostmaster, stopPostmaster, until } from './postmaster.ts'
import { settings } from './settings.ts'
import { placeSocket, port, vacate } from './socket.ts'

/** What the embedded server's keeper has to say, and to whom. */
export interface Log {
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
}

export interface ServerOptions {
  readonly cluster: string
  readonly logFile: string
  readonly account: Account
  readonly binaries: Binaries
  readonly settings: Readonly<Record<string, string>>
  readonly clock: Clock
  readonly log: Log
}

const recoveryPatienceMs = 120_000
const orphansPatienceMs = 10_000
const watchMs = 1_000
const logBytesMax = 4 * 1024 * 1024

/**
 * Keeps a cluster's server running. *Stopped* until `start`; then *running*, watched once a second and started again
 * if it died (the journal holds the rows meanwhile); `close` ends the watch, then the server. A server that a killed
 * gateway left running is taken over as it is, socket and all.
 */
export class Server {
  readonly #options: ServerOptions
  #pid = 0
  #socketDirectory = ''
  #watch: NodeJS.Timeout | undefined
  #restarting: Promise<void> | undefined
  #closing = false

  constructor(options: ServerOptions) {
    this.#options = options
  }

  get pid(): number {
    return this.#pid
  }

  get socketDirectory(): string {
    return this.#socketDirectory
  }

  /** Resolves when the server takes connections: `true` where it was running already. */
  async start(): Promise<boolean> {
    const { cluster, clock } = this.#options
    const left = readPostmaster(cluster)
    const adopted = left !== undefined && isRunning(left.pid, cluster) && (await this.#adopt(left.pid))
    if (!adopted) {
      if (left) vacate(left.socketDirectory)
      this.#socketDirectory = placeSocket(cluster, this.#socketDirectory, this.#options.account)
      const deadline = clock.elapsed() + (left ? orphansPatienceMs : 0)
      await this.#launchUntil(deadline)
    }
    this.#watch ??= setInterval(() => this.#look(), watchMs).unref()
    return adopted
  }

  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#watch)
    await this.#restarting
    await stopPostmaster(this.#pid, this.#options.cluster, this.#options.clock)
    vacate(this.#socketDirectory)
  }

  /** Takes over a server that runs; `false` where it was on its way out, and is gone now. */
  async #adopt(pid: number): Promise<boolean> {
    const { cluster, clock } = this.#options
    const status = (): string | undefined => readPostmaster(cluster)?.status
    const settled = await until(() => status() === 'ready' || !isRunning(pid, cluster), recoveryPatienceMs, clock)
    if (!settled) throw new Error(`PostgreSQL (pid ${pid}) on ${cluster} is running but does not become ready.`)
    if (!isRunning(pid, cluster)) return false
    this.#pid = pid
    this.#socketDirectory = readPostmaster(cluster)?.socketDirectory ?? ''
    return true
  }

  // The children of a killed server take a moment to notice, and PostgreSQL does not start beside them.
  async #launchUntil(deadline: number): Promise<void> {
    for (;;) {
      try {
        return await this.#launch()
      } catch (error) {
        if (this.#closing || this.#options.clock.elapsed() >= deadline) throw error
        await sleep(50)
      }
    }
  }

  async #launch(): Promise<void> {
    const { cluster, clock } = this.#options
    const left = readPostmaster(cluster)
    if (left) disown(cluster, left)
    const { child, said } = this.#spawn()
    const ended = (): boolean => child.pid === undefined || child.exitCode !== null || child.signalCode !== null
    const ready = (): boolean => {
      const postmaster = readPostmaster(cluster)
      return postmaster?.pid === child.pid && postmaster?.status === 'ready'
    }
    const settled = await until(() => ended() || ready(), recoveryPatienceMs, clock)
    if (settled && !ended() && child.pid !== undefined) {
      this.#pid = child.pid
      return
    }
    child.kill('SIGQUIT')
    throw new Error(`The embedded PostgreSQL does not start. It said: ${said().trim() || 'nothing'}`)
  }

  #spawn(): { readonly child: ChildProcess; readonly said: () => string } {
    const { account, binaries, cluster, logFile } = this.#options
    const before = rotate(logFile)
    const output = openSync(logFile, 'a', 0o600)
    try {
      const all = { ...settings, ...this.#options.settings, unix_socket_directories: quoted(this.#socketDirectory) }
      const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      const child = launch(account, binaries.postgres, ['-D', cluster, '-p', String(port), ...flags], {
        stdio: ['ignore', output, output],
        detached: true,
      })
      child.on('error', ({ message }) => appendFileSync(logFile, `${message}\n`))
      child.unref()
      return { child, said: () => readFileSync(logFile).subarray(before).toString() }
    } finally {
      closeSync(output)
    }
  }

  #look(): void {
    const { cluster, log } = this.#options
    if (this.#restarting || isRunning(this.#pid, cluster)) return
    log.warn({ pid: this.#pid }, 'embedded PostgreSQL died; starting it again')
    const restart = async (): Promise<void> => {
      try {
        await this.#launchUntil(this.#options.clock.elapsed() + orphansPatienceMs)
        log.info({ pid: this.#pid }, 'embedded PostgreSQL is back')
      } catch (error) {
        // The next look tries again; the gateway serves on meanwhile.
        log.warn({ error }, 'embedded PostgreSQL does not come back')
      } finally {
        this.#restarting = undefined
      }
    }
    this.#restarting = restart()
  }
}

// The setting is a list: an unquoted comma would end the path.
function quoted(path: string): string {
  return `"${path.replaceAll('"', '""')}"`
}

/** One old log is kept. Returns where the new lines will begin. */
function rotate(logFile: string): number {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0
  if (size < logBytesMax) return size
  renameSync(logFile, `${logFile}.1`)
  return 0
}
