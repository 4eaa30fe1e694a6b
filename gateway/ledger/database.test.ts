import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../e2e/database.ts'
import { openLine } from '../e2e/line.ts'
import { openDatabase } from './database.ts'

const current = testDatabase()
const password = 'hunter2/with?odd#signs@and:more'

/** The test server behind a TCP port, as operators have theirs. */
function relay(): Server {
  return createServer((client) => {
    const { address } = current()
    if (typeof address === 'string') return client.destroy()
    const server = connect(join(address.socketDirectory, `.s.PGSQL.${address.port}`))
    server.on('error', () => client.destroy()).on('close', () => client.destroy())
    client.on('error', () => server.destroy()).on('close', () => server.destroy())
    client.pipe(server).pipe(client)
  })
}

const servers: Server[] = []

async function portOf(server: Server): Promise<number> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function wordsOf(url: string): Promise<string> {
  const database = openDatabase(url)
  const words = await database.check().then(
    ({ version }) => `version ${version}`,
    (error: Error) => error.message,
  )
  await database.close()
  return words
}

afterAll(() => {
  for (const server of servers) server.close()
})

// The relay leads to the run's own server, which has a socket.
describe.runIf(process.env['TEST_DATABASE_URL'] === undefined)('a server on the network', () => {
  let port = 0
  let database = ''
  beforeAll(async () => {
    port = await portOf(relay())
    const { address } = current()
    database = typeof address === 'string' ? '' : address.database
  })

  test('is reached by URL, without TLS where it has none and none is demanded', async () => {
    expect(await wordsOf(`postgres://tollgate:${password}@127.0.0.1:${port}/${database}`)).toBe('version 18.4')
    expect(await wordsOf(`postgresql://tollgate@127.0.0.1:${port}/${database}?sslmode=disable`)).toBe('version 18.4')
  })

  test('is not spoken to in the clear where TLS is demanded', async () => {
    for (const mode of ['require', 'verify-full']) {
      const words = await wordsOf(`postgres://tollgate:${password}@127.0.0.1:${port}/${database}?sslmode=${mode}`)
      expect(words).toContain(`PostgreSQL at 127.0.0.1:${port} and sslmode do not agree`)
    }
  })

  test('names what is wrong and where, and never the password', async () => {
    const failures = {
      [`127.0.0.1:${port}/nowhere`]: 'has no database nowhere',
      '127.0.0.1:1/postgres': 'does not answer at 127.0.0.1:1 (ECONNREFUSED)',
      'no-such-host.invalid/postgres': 'not known to DNS: no-such-host.invalid:5432',
    }
    for (const [place, words] of Object.entries(failures)) {
      const said = await wordsOf(`postgres://tollgate:${password}@${place}`)
      expect(said).toContain(words)
      expect(said).not.toContain('hunter2')
    }
    expect(await wordsOf(`postgres://nobody:${password}@127.0.0.1:${port}/postgres`)).toContain(
      'does not let nobody in',
    )
  })

  test('that takes the connection and says nothing is given up on', async () => {
    const silent = await portOf(createServer((client) => client.on('error', () => {})))
    const said = await wordsOf(`postgres://tollgate:${password}@127.0.0.1:${silent}/postgres?connect_timeout=1`)
    expect(said).toContain(`cannot be reached at 127.0.0.1:${silent} (CONNECT_TIMEOUT)`)
  })

  test('is told who we are', async () => {
    const named = openDatabase(`postgres://tollgate@127.0.0.1:${port}/${database}`)
    expect(await named.sql`SELECT current_setting('application_name') AS name`).toEqual([{ name: 'tollgate' }])
    await named.close()
  })
})

test('whole numbers of 64 bits come exact, as bigint', async () => {
  const [row] = await current().database.sql`SELECT 9223372036854775807::bigint AS n`
  expect(row).toEqual({ n: 9_223_372_036_854_775_807n })
})

test('dates of the plain client are dates although drizzle has another', async () => {
  const { database } = current()
  await database.orm.execute('SELECT 1')
  const [row] =
    await database.sql`SELECT '2026-11-22T00:00:00Z'::timestamptz AS at, ${new Date(0)}::timestamptz AS epoch`
  expect(row).toEqual({ at: new Date('2026-11-22T00:00:00Z'), epoch: new Date(0) })
})

describe('a session that ends in the middle', () => {
  // The driver as published sends ROLLBACK to a socket that is gone, which ends the process: deploy/patches/.
  test('of a transaction is an error of that transaction alone', async () => {
    const line = await openLine(current().address)
    const database = openDatabase(line.url)
    try {
      for (let round = 0; round < 4; round++) {
        const sql = database.client(1)
        const cut = sql.begin(async (tx) => {
          await tx`SELECT 1`
          const answer = tx`SELECT pg_sleep(5)`.execute()
          setTimeout(() => line.refused(), round)
          await answer
        })
        await expect(cut).rejects.toThrow()
        await sql.end({ timeout: 0 })
        await line.restore()
      }
      // Time for what would have been sent.
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      await database.close()
      line.close()
    }
  })
})
