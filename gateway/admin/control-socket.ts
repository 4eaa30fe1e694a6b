import { lstat, readlink, rm, symlink } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'

const controlSocketName = 'control.sock'

export interface ControlSocketPlace {
  /** The data directory, which is claimed: whatever stands there under our name is a dead gateway's. */
  readonly dataDir: string
  /** Where the socket itself goes: the data directory, or a shorter path of ours. */
  readonly socketFolder: string
}

/**
 * Serves the control plane on `control.sock` in the data directory. Who may open the file is let in, as by PostgreSQL's
 * peer authentication: so the file is its owner's alone from the moment it exists. Where the data directory's path is too
 * long for a socket, that name is a link to it.
 */
export async function openControlSocket(
  app: Hono,
  { dataDir, socketFolder }: ControlSocketPlace,
): Promise<{ close(): Promise<void> }> {
  const name = join(dataDir, controlSocketName)
  const socket = join(socketFolder, controlSocketName)
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  await removeStale(name)
  await listenPrivately(server, socket)
  if (socket !== name) await symlink(socket, name)
  return {
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
      if (socket !== name) await rm(name, { force: true })
    },
  }
}

async function removeStale(name: string): Promise<void> {
  const found = await lstat(name).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket() && !found.isSymbolicLink()) throw new Error(`${name} is in the way: it is no socket of ours`)
  if (found.isSymbolicLink()) await removeLent(dirname(await readlink(name)))
  await rm(name)
}

/** The temporary folder that a dead gateway's socket was in: nobody else would ever remove it. */
async function removeLent(folder: string): Promise<void> {
  if (dirname(folder) !== tmpdir() || !/^tollgate-\w{6}$/.test(basename(folder))) return
  const found = await lstat(folder).catch(() => undefined)
  if (found?.isDirectory() && found.uid === process.geteuid?.()) await rm(folder, { recursive: true, force: true })
}

/** The mask makes it private at its birth: between a bind and a chmod others could have come in. */
function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const mask = process.umask(0o177)
    try {
      // Binds before it returns.
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      process.umask(mask)
    }
  })
}
