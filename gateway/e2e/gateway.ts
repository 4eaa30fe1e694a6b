import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { assemble } from '../assemble.ts'
import { loadConfig } from '../config.ts'
import { boxedIds } from '../declared.ts'
import { systemClock } from '../domain/clock.ts'
import { uuidOf } from '../domain/id.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { DatabaseAddress } from '../ledger/address.ts'
import { openLog } from '../observe/log.ts'
import { providers } from '../providers/index.ts'
import type { TestDatabase } from './database.ts'

/** The secret that every key of these tests has, unless it says otherwise. */
export const secret = 'test-key-of-eighteen-or-more'

/** What credentials in the database are sealed with. */
export const masterKey = Buffer.alloc(32, 7)

export interface TestGateway {
  /** `http://127.0.0.1:…`. */
  readonly url: string
  /** Its `tollgate.yaml`. */
  readonly configPath: string
  /** The final rows of the call that this answer belongs to, in the order of its attempts. */
  rowsOf(answer: { readonly headers: Headers }): Promise<readonly UsageRow[]>
  close(): Promise<void>
}

/** The whole gateway in this process, on a database of the test's own, with this content of a `tollgate.yaml`. */
export async function startGateway(
  { address, database }: TestDatabase,
  file: Readonly<Record<string, unknown>>,
): Promise<TestGateway> {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-e2e-'))
  const path = join(dir, 'tollgate.yaml')
  writeFileSync(path, stringify({ keys: [{ id: 'dev', secret }], ...file }))
  const configuration = loadConfig({
    env: {
      PORT: '0',
      TOLLGATE_CONFIG: path,
      TOLLGATE_DATA_DIR: join(dir, 'data'),
      TOLLGATE_MASTER_KEY: masterKey.toString('base64'),
      DATABASE_URL: urlOf(address),
    },
    cwd: dir,
    providers,
    builtIn: { connections: boxedIds, keys: [] },
  })
  const running = await assemble(configuration, systemClock, openLog(process.env['LOG_LEVEL'] ?? 'error'))
  return {
    url: running.address,
    configPath: path,
    rowsOf: ({ headers }) => finalRows(database, headers.get('x-request-id') ?? ''),
    close: async () => {
      await running.close(2_000)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function finalRows({ sql }: TestDatabase['database'], requestId: string): Promise<readonly UsageRow[]> {
  const callId = uuidOf('req', requestId)
  if (callId === undefined) throw new Error(`no request id: ${requestId}`)
  for (let waited = 0; waited < 5_000; waited += 50) {
    const found = await sql<{ row: UsageRow }[]>`
      SELECT to_jsonb(usage) AS row FROM tollgate.usage WHERE call_id = ${callId} ORDER BY attempt
    `
    const rows = found.map(({ row }) => row)
    // The last attempt's is there, and every one is final.
    if (rows.some(({ calls }) => calls > 0) && rows.every(({ revision }) => revision === 2)) return rows
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`the call ${requestId} has no final row after 5 s`)
}

/** The address as `DATABASE_URL` takes it. */
export function urlOf(address: DatabaseAddress): string {
  if (typeof address === 'string') return address
  const { socketDirectory, user, database } = address
  return `postgres://${user}@/${database}?host=${encodeURIComponent(socketDirectory)}`
}

/** A connection to a server on this machine. */
export function localConnection(id: string, baseUrl: string, more: Readonly<Record<string, unknown>> = {}) {
  return {
    id,
    provider: 'compatible',
    base_url: baseUrl,
    api_key: 'upstream-key',
    allow_private_network: true,
    models: ['*'],
    ...more,
  }
}
