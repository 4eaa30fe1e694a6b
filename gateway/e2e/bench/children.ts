import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

/** How a process is started. */
export interface Start {
  readonly script: string
  readonly args?: readonly string[]
  /** The cores it may run on; `undefined`: any. */
  readonly cores: string | undefined
  readonly env?: NodeJS.ProcessEnv
  /** Where its output goes; without one, errors show on the bench's own. */
  readonly log?: string
}

/** The processes of a bench: started on their cores, asked over a channel, and ended with it, however it ends. */
export class Children {
  readonly #all = new Set<ChildProcess>()
  readonly #after: (() => Promise<void>)[] = []

  constructor() {
    // The last resort, where `end` could not run: what is still there must not outlive the bench.
    process.once('exit', () => {
      for (const child of this.#all) child.kill('SIGKILL')
    })
  }

  start({ script, args = [], cores, env, log }: Start): ChildProcess {
    const node = [process.execPath, script, ...args]
    const [command = '', ...rest] = cores === undefined ? node : ['taskset', '-c', cores, ...node]
    const output = log === undefined ? undefined : openSync(log, 'a')
    // taskset becomes the command that it starts, so pid and channel are Node's.
    const child = spawn(command, rest, {
      stdio: ['ignore', output ?? 'ignore', output ?? 'inherit', ...(log === undefined ? (['ipc'] as const) : [])],
      ...(env ? { env } : {}),
    })
    if (output !== undefined) closeSync(output)
    this.#all.add(child)
    child.once('exit', () => this.#all.delete(child))
    child.on('error', () => this.#all.delete(child))
    return child
  }

  /** What is to be done once all are gone. */
  atEnd(task: () => Promise<void>): void {
    this.#after.push(task)
  }

  /** Ends all: kindly, and after a while with force. */
  async end(): Promise<void> {
    await Promise.all([...this.#all].map((child) => stop(child)))
    for (const task of this.#after.splice(0)) await task()
  }
}

/** Ends one process; resolves when it is gone. */
async function stop(child: ChildProcess): Promise<void> {
  if (gone(child)) return
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => child.kill('SIGKILL'), patienceMs)
    child.once('exit', () => {
      clearTimeout(force)
      resolve()
    })
    child.kill('SIGTERM')
  })
}

export function gone(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

/** The next message of a child, after sending it one where there is something to send. */
export function ask(child: ChildProcess, message?: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const died = () => reject(new Error(`${child.spawnargs.at(-1)} ended (${child.exitCode ?? child.signalCode})`))
    if (gone(child)) {
      died()
      return
    }
    child.once('exit', died)
    child.once('error', reject)
    child.once('message', (answer) => {
      child.off('exit', died)
      child.off('error', reject)
      resolve(answer)
    })
    if (message) child.send(message)
  })
}

/** The port that a child of ours announces once it listens. */
export async function portOf(child: ChildProcess): Promise<number> {
  const said = await ask(child)
  if (typeof said === 'object' && said !== null && 'port' in said && typeof said.port === 'number') return said.port
  throw new Error(`${child.spawnargs.at(-1)} announced no port`)
}

// Above what a draining gateway gives its open calls.
const patienceMs = 20_000
