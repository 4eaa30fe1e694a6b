import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net'
import { type DatabaseAddress, type Target, targetOf } from '../ledger/address.ts'

/** A line to PostgreSQL that can be cut. */
export interface Line {
  readonly url: string
  /** Ends all sessions and takes no new ones: the server was stopped. */
  refused(): void
  /** Takes what comes and passes nothing on: the network in between is gone. */
  silent(): void
  /** When these words have passed, nothing of their session does any more, for good. */
  loseSession(words: string): Promise<void>
  restore(): Promise<void>
  close(): void
}

export async function openLine(address: DatabaseAddress): Promise<Line> {
  const target = targetOf(address)
  const sockets = new Set<Socket>()
  const seen = new Set<Socket>()
  let lost: { readonly words: string; readonly done: () => void } | undefined
  let silent = false
  const lose = (from: Socket, to: Socket, bytes: Buffer): void => {
    if (lost && bytes.includes(lost.words)) seen.add(from)
    else if (lost && seen.has(from)) {
      for (const socket of [from, to]) {
        socket.pause()
        sockets.delete(socket)
      }
      lost.done()
      lost = undefined
    }
  }
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from)
    if (silent) from.pause()
    // Not `pipe`, which would resume what is to be silent. An error is how a cut session ends.
    from.on('error', () => {})
    from.on('data', (bytes: Buffer) => {
      to.write(bytes)
      lose(from, to, bytes)
    })
    from.once('close', () => {
      sockets.delete(from)
      to.destroy()
    })
  }
  const server = createServer((near) => {
    const far = connect(placeOf(target))
    join(near, far)
    join(far, near)
  })
  const listen = (port: number) => once(server.listen(port, '127.0.0.1'), 'listening')
  await listen(0)
  const { port } = server.address() as AddressInfo
  const end = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const account = [target.user ?? '', target.password ?? ''].map(encodeURIComponent).join(':')
  return {
    url: `postgres://${account}@127.0.0.1:${port}/${target.database ?? ''}`,
    refused() {
      server.close()
      end()
    },
    silent() {
      silent = true
      for (const socket of sockets) socket.pause()
    },
    loseSession: (words) =>
      new Promise((done) => {
        lost = { words, done }
      }),
    async restore() {
      silent = false
      for (const socket of sockets) socket.resume()
      if (!server.listening) await listen(port)
    },
    close() {
      server.close()
      end()
    },
  }
}

function placeOf({ host, port }: Target): NetConnectOpts {
  const [first = 'localhost'] = [host ?? []].flat()
  const [number = 5432] = [port ?? []].flat()
  return first.startsWith('/') ? { path: `${first}/.s.PGSQL.${number}` } : { host: first, port: number }
}
