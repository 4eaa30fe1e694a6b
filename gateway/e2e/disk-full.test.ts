import { execFileSync, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from './database.ts'
import { localConnection, secret, urlOf } from './gateway.ts'
import { type GatewayProcess, makePlace, type Place } from './process.ts'
import { completion, sendJson, startUpstream, type Upstream } from './upstream.ts'

/** Files of the gateway may not grow: what a full disk is to it, without one. */
const limits = spawnSync('prlimit', ['--fsize=0:', 'true'], { stdio: 'ignore' }).status === 0

const database = testDatabase()
let upstream: Upstream
let place: Place
let gateway: GatewayProcess
let url: string

beforeAll(async () => {
  upstream = await startUpstream((_seen, response) => sendJson(response, 200, completion('Hello.')))
  place = makePlace()
  configure('refuse')
  const masterKey = Buffer.alloc(32, 7).toString('base64')
  const databaseUrl = urlOf(database().address)
  gateway = place.start({ env: { DATABASE_URL: databaseUrl, TOLLGATE_MASTER_KEY: masterKey, LOG_LEVEL: 'info' } })
  url = await gateway.ready()
})
afterAll(async () => {
  await place?.end()
  await upstream?.close()
})

function configure(onLoss: string): void {
  place.configure({
    connections: [localConnection('main', upstream.url)],
    keys: [{ id: 'dev', secret }],
    settings: { journal: { on_loss: onLoss }, usage_sinks: ['postgres', { jsonl: 'usage' }] },
  })
}

function mayGrow(yes: boolean): void {
  execFileSync('prlimit', ['--pid', String(gateway.pid), `--fsize=${yes ? 'unlimited' : '0'}:`])
}

async function call(): Promise<{ readonly status: number; readonly code: string | undefined }> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] }),
  })
  const body = (await response.json()) as { readonly error?: { readonly code?: string } }
  return { status: response.status, code: body.error?.code }
}

async function journal(): Promise<unknown> {
  const { journal } = (await (await fetch(`${url}/health`)).json()) as { readonly journal: unknown }
  return journal
}

async function figure(name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

async function rows(): Promise<number> {
  const [found] = await database().database.sql`SELECT count(*)::int AS rows FROM tollgate.usage WHERE success`
  return found?.['rows']
}

test.skipIf(!limits)(
  'a disk without room: calls are refused or served as is set, and no answer goes without its row',
  {
    timeout: 60_000,
  },
  async () => {
    expect(await call()).toEqual({ status: 200, code: undefined })
    await expect
      .poll(journal)
      .toMatchObject({ problem: null, pending_rows: 0, sinks: [{ delivered: 1 }, { delivered: 1 }] })

    mayGrow(false)
    const before = upstream.seen.length
    expect(await call()).toEqual({ status: 503, code: 'journal_unavailable' })
    expect(upstream.seen.length).toBe(before)
    // Its refusal is a row as well.
    const refused = 'the disk takes nothing (EFBIG): calls are refused; rows that only memory has: 1'
    expect(await journal()).toMatchObject({ problem: refused })
    expect(await figure('tollgate_journal_failing')).toBe(1)
    expect(gateway.said()).toContain('the journal cannot be written')

    // Taken up while the disk is as it is. Rows reach PostgreSQL from memory; the folder is on the same disk.
    configure('serve')
    await expect.poll(call, { timeout: 10_000, interval: 200 }).toEqual({ status: 200, code: undefined })
    for (let more = 0; more < 9; more++) expect(await call()).toEqual({ status: 200, code: undefined })
    await expect.poll(rows, { timeout: 10_000 }).toBe(11)
    const kept = await figure('tollgate_rows_at_risk')
    expect(kept).toBeGreaterThanOrEqual(10)
    expect(await journal()).toMatchObject({
      problem: `the disk takes nothing (EFBIG): calls are served; rows that only memory has: ${kept}`,
      sinks: [
        { name: 'postgres', pending_rows: 0 },
        { name: 'jsonl', failing_ms: expect.any(Number) },
      ],
    })

    mayGrow(true)
    await expect.poll(() => figure('tollgate_rows_at_risk'), { timeout: 10_000 }).toBe(0)
    await expect.poll(journal, { timeout: 20_000 }).toMatchObject({ problem: null, pending_rows: 0, rows_lost: 0 })
    expect(await call()).toEqual({ status: 200, code: undefined })
    expect(await figure('tollgate_journal_failing')).toBe(0)
    expect(gateway.said()).toContain('the journal can be written again')
    gateway.signal('SIGTERM')
    expect(await gateway.ended).toEqual({ code: 0, signal: null })
    expect(await rows()).toBe(12)
  },
)
