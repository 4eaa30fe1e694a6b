import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Account, launch, privateDirectory } from './account.ts'
import type { Binaries } from './binaries.ts'
import { isRunning } from './postmaster.ts'

const unfinished = 'postgres.init-'

/** The superuser and the database that every PostgreSQL has. */
export const user = 'tollgate'
export const database = 'postgres'

/**
 * Makes the cluster where there is none. It is made under another name and renamed when whole, so a cluster that has
 * its name is finished; what an interrupted start left behind is wiped.
 */
export async function makeCluster(
  dataDir: string,
  cluster: string,
  account: Account,
  binaries: Binaries,
): Promise<boolean> {
  for (const name of readdirSync(dataDir)) {
    if (name.startsWith(unfinished) && !name.endsWith('.pid')) await wipe(join(dataDir, name))
  }
  if (existsSync(cluster)) return false
  const making = privateDirectory(join(dataDir, unfinished), account)
  await initdb(making, account, binaries)
  renameSync(making, cluster)
  rmSync(pidFile(making))
  const directory = openSync(dataDir, 'r')
  fsyncSync(directory)
  closeSync(directory)
  return true
}

/** The start that was killed left its initdb running, and that would go on filling what is being emptied. */
async function wipe(half: string): Promise<void> {
  const pid = existsSync(pidFile(half)) ? Number(readFileSync(pidFile(half), 'utf8')) : 0
  if (isRunning(pid, half)) process.kill(pid, 'SIGKILL')
  // Its own child takes a moment to notice: rm tries again, for some seconds, where files turn up behind it.
  await rm(half, { recursive: true, force: true, maxRetries: 10 })
  rmSync(pidFile(half), { force: true })
}

function pidFile(making: string): string {
  return `${making}.pid`
}

async function initdb(making: string, account: Account, binaries: Binaries): Promise<void> {
  const args = [
    `--pgdata=${making}`,
    `--username=${user}`,
    '--encoding=UTF8',
    // PostgreSQL's own C.UTF-8: the same order of strings on every system, whatever its C library has.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    // Whoever reaches the socket is let in: the directory it stands in is closed to everyone else.
    '--auth-local=trust',
    '--auth-host=reject',
    '--no-instructions',
  ]
  const child = launch(account, binaries.initdb, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: false })
  if (child.pid !== undefined) writeFileSync(pidFile(making), String(child.pid))
  const said = child.stderr ? text(child.stderr) : Promise.resolve('')
  const code = await once(child, 'exit').then(
    ([exit]) => exit,
    (error: Error) => error.message,
  )
  if (code === 0) return
  throw new Error(cannotRun(await said, code, account))
}

function cannotRun(said: string, code: unknown, account: Account): string {
  const why = said.trim() || `initdb: ${code}`
  const hint =
    account.kind === 'namespace'
      ? 'As root, in a directory closed to others, it needs the program unshare and user namespaces: move the checkout and TOLLGATE_DATA_DIR to where everyone may enter, or start Tollgate as another user.'
      : 'Its programs need glibc (not musl, as in Alpine).'
  return `The embedded PostgreSQL cannot be set up. ${hint} Or set DATABASE_URL. It said: ${why}`
}
