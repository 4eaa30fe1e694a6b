import { spawn } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Started through its shebang the CLI meets whatever Node the host has, which may be too old to even parse the rest:
 * so this file imports nothing but Node's own, and goes on in the Node that `npm ci` installed.
 */
const oldestMajor = 26
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

if (Number.parseInt(process.versions.node, 10) >= oldestMajor) {
  const { run } = await import('./run.ts')
  process.exitCode = await run(process.argv.slice(2))
} else {
  const node = installedNode()
  if (node) handOver(node)
  else {
    process.stderr.write(
      `tollgate: Node ${oldestMajor} is needed, and this is ${process.versions.node}\n` +
        '  npm ci installs one beside it; or put a newer node on the PATH\n',
    )
    process.exitCode = 1
  }
}

/** From the bundle node_modules/ is one level up, from source two. */
function installedNode(): string | undefined {
  const found = ['..', '../..']
    .map((up) => join(import.meta.dirname, up, 'node_modules'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => /[\\/]node-(bin-)?(linux|darwin|win)-\w+$/.test(path))
    .flatMap((path) => [join(path, 'bin', 'node'), join(path, 'bin', 'node.exe')])
    .find((path) => existsSync(path))
  // Were it the one that is running, this would go on for ever.
  return found === undefined || realpathSync(found) === realpathSync(process.execPath) ? undefined : found
}

function handOver(node: string): void {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  // It decides when the two of us end.
  for (const signal of signals) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`tollgate: ${node} cannot be run: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    for (const each of signals) process.removeAllListeners(each)
    if (signal) process.kill(process.pid, signal)
    else process.exitCode = code ?? 1
  })
}
