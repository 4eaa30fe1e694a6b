import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import type { DatabaseAddress } from '../ledger/address.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What a command said, and ended with. */
export interface Said {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A directory to stand in, with a data directory that is not there yet. */
export interface Place {
  readonly dir: string
  readonly dataDir: string
  /** Runs `tollgate` with these words, to its end; `input` is what stdin has. */
  run(line: string, env?: Environment, input?: string): Promise<Said>
  /** Runs several, one after the other in one process. */
  runAll(lines: readonly string[], env?: Environment): Promise<readonly Said[]>
  /** Starts it, for commands that stay. */
  start(line: string, env?: Environment): Running
  remove(): void
}

export interface Running {
  /** All that stdin will ever have. */
  type(text: string): void
  ended(): Promise<Said>
  /** All of stdout so far, once it holds this. */
  until(text: string): Promise<string>
  /** Reads no further, as `head` does when it has enough. */
  hangUp(): void
  /** Ends it with Ctrl-C. */
  interrupt(): Promise<Said>
  /** Kills it once it has said this. */
  kill(text: string): Promise<Said>
}

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const many = fileURLToPath(new URL('many.child.ts', import.meta.url))

/** A place with this `tollgate.yaml`, or with none. */
export function makePlace(file?: object | string, own: Environment = {}): Place {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-cli-'))
  const dataDir = join(dir, 'data')
  if (file !== undefined) writeFileSync(join(dir, 'tollgate.yaml'), typeof file === 'string' ? file : stringify(file))
  const node = (words: readonly string[], env: Environment = {}): Running => {
    const base = { PATH: process.env['PATH'], TOLLGATE_DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'warn' }
    return running(spawn(process.execPath, [...words], { cwd: dir, env: { ...base, ...own, ...env } }))
  }
  const start = (line: string, env?: Environment) => node([main, ...line.split(' ').filter((word) => word !== '')], env)
  return {
    dir,
    dataDir,
    start,
    run: (line, env, input) => {
      const command = start(line, env)
      command.type(input ?? '')
      return command.ended()
    },
    runAll: async (lines, env) => {
      const { stdout, stderr } = await node([many, ...lines], env).ended()
      if (stderr !== '') throw new Error(stderr)
      return JSON.parse(stdout)
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

function running(child: ChildProcess): Running {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const closed = once(child, 'close')
  const ended = async (): Promise<Said> => {
    await closed
    return { code: child.exitCode, stdout, stderr }
  }
  const until = async (text: string) => {
    for (let waitedMs = 0; !stdout.includes(text); waitedMs += 50) {
      if (waitedMs > 30_000 || child.exitCode !== null) throw new Error(`no ${text} in:\n${stdout}\n${stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return stdout
  }
  return {
    type: (text) => child.stdin?.end(text),
    ended,
    until,
    hangUp: () => child.stdout?.destroy(),
    interrupt: () => {
      child.kill('SIGINT')
      return ended()
    },
    kill: async (text) => {
      await until(text)
      child.kill('SIGKILL')
      return ended()
    },
  }
}

/** The surroundings of a gateway on a PostgreSQL of its own. */
export function externalDatabase(address: DatabaseAddress): Environment {
  const url =
    typeof address === 'string'
      ? address
      : `postgres://${address.user}@/${address.database}?host=${encodeURIComponent(address.socketDirectory)}`
  return { DATABASE_URL: url, TOLLGATE_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') }
}

/** Where a gateway that is starting says it is. */
export async function addressOf(gateway: Running): Promise<string> {
  return /is ready at (\S+)/.exec(await gateway.until('is ready at'))?.[1] ?? ''
}

/** The status of a call to a model. */
export async function callThrough(address: string, key: string, model: string): Promise<number> {
  const answer = await fetch(`${address}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }] }),
  })
  await answer.text()
  return answer.status
}
