/** Tollgate itself, as the bench runs it: a configuration of its own in a temporary folder, its own embedded database. */
import type { ChildProcess } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Children, gone } from './children.ts'
import { type Cores, pin } from './cores.ts'
import { families, marked } from './proc.ts'

export const secret = 'sk-bench-0123456789abcdef'
const root = join(import.meta.dirname, '..', '..', '..')

/** What would run: the file that was asked for, else the build, else the source. `undefined`: there is none. */
export function entryOf(asked: string | undefined): string | undefined {
  if (asked !== undefined) return asked
  return [join(root, 'dist', 'main.js'), join(root, 'gateway', 'main.ts')].find((file) => existsSync(file))
}

/** A build older than the source measures code that is no more. */
export function stale(entry: string): boolean {
  if (!entry.endsWith('.js')) return false
  const builtMs = statSync(entry).mtimeMs
  const sources = globSync('gateway/**/*.ts', { cwd: root, exclude: ['gateway/e2e/**', '**/*.test.ts'] })
  return sources.some((file) => statSync(join(root, file)).mtimeMs > builtMs)
}

export interface Product {
  readonly pid: number
  readonly port: number
}

export async function startProduct(
  entry: string,
  upstream: string,
  children: Children,
  cores: Cores,
): Promise<Product> {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'))
  const config = join(folder, 'tollgate.yaml')
  const log = join(folder, 'gateway.log')
  writeFileSync(config, configuration(upstream))
  const port = await freePort()
  // Not what the shell has: a bench must not write into somebody's database.
  const { DATABASE_URL, REDIS_URL, ...kept } = process.env
  const product = { HOST: '127.0.0.1', PORT: String(port), TOLLGATE_CONFIG: config, TOLLGATE_WORKERS: '1' }
  const env = { ...kept, ...product, TOLLGATE_DATA_DIR: join(folder, 'data'), NODE_ENV: 'production' }
  const child = children.start({ script: entry, cores: cores.subject, env, log })
  children.atEnd(() => clear(folder))
  await ready(child, port, log)
  const pid = child.pid ?? 0
  // The database inherited the gateway's core; its new sessions inherit from it in turn.
  for (const store of families([pid, ...marked(folder)])) {
    if (store !== pid && cores.others !== undefined) pin(store, cores.others)
  }
  return { pid, port }
}

// One connection to the mock, one key, limits that are counted and never reached.
function configuration(upstream: string): string {
  return `connections:
  - id: bench
    provider: compatible
    base_url: ${upstream}/v1
    api_key: sk-upstream-0123456789abcdef
    models: ["*"]
    limits: { rpm: 100000000 }
    allow_private_network: true
keys:
  - id: bench
    secret: ${secret}
    models: ["*"]
    limits: { rpm: 100000000, tpm: 1000000000000 }
`
}

async function ready(child: ChildProcess, port: number, log: string): Promise<void> {
  for (let tries = 0; tries < readyTries; tries++) {
    if (gone(child)) break
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const last = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-20).join('\n')
  throw new Error(`the gateway did not become ready; it said last:\n${last}`)
}

const readyTries = 600

/** The gateway stops its database; one that had to be killed could not. */
async function clear(folder: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    for (let tries = 0; tries < 20; tries++) {
      const left = marked(folder)
      if (left.length === 0) break
      if (tries === 0) for (const pid of left) kill(pid, signal)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone meanwhile.
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(address)))
    })
  })
}
