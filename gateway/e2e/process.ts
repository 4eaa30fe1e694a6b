import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { stringify } from 'yaml'

/**
 * The gateway as a process of its own, for tests that end it. Each has a *place*: a folder that its data directory lies
 * in, and that names everything which was started there, however far removed. `end` leaves nothing of it running or on
 * disk, and so does the end of the test run itself, be it killed. By /proc, so on Linux only.
 */
export interface Place {
  readonly folder: string
  readonly dataDir: string
  /** Writes a `tollgate.yaml` for the gateways of this place. */
  configure(file: Readonly<Record<string, unknown>>): void
  start(options?: StartOptions): GatewayProcess
  /** The processes that were started here, by anyone: their command line or their environment names the folder. */
  running(): readonly number[]
  end(): Promise<void>
}

export interface StartOptions {
  /** From source where nothing else is said. */
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface GatewayProcess {
  readonly pid: number
  /** What it has said so far, on both outputs. */
  said(): string
  /** Its address, once it has said that it is ready. */
  ready(): Promise<string>
  signal(name: NodeJS.Signals): void
  /** As a terminal does: to the process and to all that it started. */
  signalGroup(name: NodeJS.Signals): void
  readonly ended: Promise<Ended>
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

export function makePlace(): Place {
  // Passable, so that under root the embedded server can run as another user, as it does in most installations.
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-place-'))
  chmodSync(folder, 0o711)
  const configPath = join(folder, 'tollgate.yaml')
  const dataDir = join(folder, 'data')
  const sweeper = startSweeper(folder)
  return {
    folder,
    dataDir,
    configure: (file) => writeFileSync(configPath, stringify(file)),
    start: ({ command = [process.execPath, main], env = {} } = {}) =>
      launch(command, folder, { ...bareEnvironment(folder), TOLLGATE_DATA_DIR: dataDir, ...env }),
    running: () => processesNaming(folder),
    async end() {
      sweeper.ref()
      const swept = once(sweeper, 'exit')
      sweeper.stdin?.end()
      await swept
    },
  }
}

/** Not what the shell has: a drill must not run on somebody's database. What a killed one leaves in TMPDIR is swept too. */
function bareEnvironment(folder: string): Record<string, string> {
  const PATH = process.env['PATH'] ?? ''
  return { PATH, HOME: folder, TMPDIR: folder, PORT: '0', LOG_LEVEL: 'warn', npm_config_update_notifier: 'false' }
}

function launch([program = '', ...args]: readonly string[], cwd: string, env: Record<string, string>): GatewayProcess {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const pid = child.pid ?? 0
  let said = ''
  for (const output of [child.stdout, child.stderr]) {
    output?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  const ended = once(child, 'exit').then(([code, signal]): Ended => ({ code, signal }))
  // A program that cannot be run at all rejects; whoever waits for `ready` is told.
  ended.catch(() => {})
  return {
    pid,
    said: () => said,
    ready: () => readyAddress(child, () => said),
    signal: (name) => send(pid, name),
    signalGroup: (name) => send(-pid, name),
    ended,
  }
}

const readyPatienceMs = 60_000
const pollMs = 5

async function readyAddress(child: ChildProcess, said: () => string): Promise<string> {
  for (let waited = 0; waited < readyPatienceMs; waited += pollMs) {
    const [, address] = /is ready at (http:\/\/\S+)/.exec(said()) ?? []
    if (address !== undefined) return address
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) break
    await sleep(pollMs)
  }
  throw new Error(`the gateway did not start (${child.exitCode ?? child.signalCode}). It said: ${said()}`)
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}

/** Waits until nothing runs in the place any more. */
export async function expectNothingRunning({ running }: Place): Promise<void> {
  await expect.poll(() => running().map(describe), { timeout: 10_000, interval: 50 }).toEqual([])
}

function processesNaming(mark: string): readonly number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    const named = pid > 0 && ['cmdline', 'environ'].some((file) => read(`/proc/${pid}/${file}`).includes(mark))
    return named ? [pid] : []
  })
}

function describe(pid: number): string {
  return `${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/**
 * A shell that waits for the end of a pipe which only we hold open, and then ends whoever names the folder, gateways
 * first, since they start their server again. The folder comes through the pipe, so that the shell does not name it.
 */
function startSweeper(folder: string): ChildProcess {
  const sweeper = spawn('/bin/sh', ['-c', sweep], { stdio: ['pipe', 'ignore', 'inherit'], detached: true, env: {} })
  sweeper.stdin?.write(`${folder}\n`)
  sweeper.unref()
  // The pipe must not keep the run alive either.
  if (sweeper.stdin && 'unref' in sweeper.stdin && typeof sweeper.stdin.unref === 'function') sweeper.stdin.unref()
  return sweeper
}

const sweep = `
  PATH=\${PATH:-/usr/bin:/bin}
  read -r folder
  cat > /dev/null
  for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    named=$(printf %s "$folder" | grep -lsaF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/environ | cut -d / -f 3 | sort -u)
    [ -n "$named" ] || break
    servers=
    for pid in $named; do
      read -r name < "/proc/$pid/comm" || continue
      # By force it would leave its shared memory behind.
      if [ "$name" = postgres ]; then servers="$servers $pid"; else kill -KILL "$pid"; fi
    done
    [ -z "$servers" ] || kill -QUIT $servers
    sleep 0.1
  done 2> /dev/null
  rm -rf "$folder"
`
