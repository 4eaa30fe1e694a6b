import { execFile } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { publicId, type Uuid, uuidOf } from '../domain/id.ts'
import { dataDirOwner } from '../ledger/data-dir.ts'
import { openDatabase } from '../ledger/database.ts'
import { runningEmbedded } from '../ledger/embedded/open.ts'
import { readPostmaster } from '../ledger/embedded/postmaster.ts'
import { localConnection } from './gateway.ts'
import { expectNothingRunning, type GatewayProcess, makePlace, type Place } from './process.ts'
import { completion, doneEvent, event, sendJson, startUpstream, type Upstream, usageEvent } from './upstream.ts'

/**
 * What people, supervisors and machines do to a gateway, done to the one that `npm start` runs, with its own PostgreSQL.
 * The tests follow each other in one data directory, as the days of an installation do.
 */

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

let upstream: Upstream
let place: Place
let key: string

beforeAll(async () => {
  upstream = await startUpstream(answerByModel)
  place = makePlace()
  place.configure({ connections: [localConnection('main', upstream.url, { models: ['steady', 'endless', 'large'] })] })
  // A package of its own, bundled from the sources as they are: what lies in dist/ may be older, or none.
  for (const name of ['package.json', 'node_modules', 'pricing', 'migrations', 'gateway', 'vite.config.ts']) {
    symlinkSync(join(root, name), join(place.folder, name))
  }
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  await run(process.execPath, [vite, 'build', '--logLevel', 'error'], { cwd: place.folder })
}, 120_000)
afterAll(async () => {
  await place?.end()
  await upstream?.close()
})

const steadyEvents = 40
const largeAnswer = completion('x'.repeat(900_000))

function answerByModel({ body }: { readonly body: Buffer }, response: Parameters<Upstream['answer']>[1]): void {
  const { model } = JSON.parse(body.toString()) as { model: string }
  if (model === 'large') {
    sendJson(response, 200, largeAnswer)
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let sent = 0
  const timer = setInterval(() => {
    response.write(event({ content: ` ${sent}` }))
    if (model === 'endless' || ++sent < steadyEvents) return
    clearInterval(timer)
    response.end(event({}, 'stop') + usageEvent + doneEvent)
  }, 25)
  response.once('close', () => clearInterval(timer))
}

interface Up {
  readonly gateway: GatewayProcess
  readonly address: string
}

let current: Up | undefined

/** The gateway that runs, else one that is started. */
async function up(): Promise<Up> {
  if (!current) {
    const gateway = place.start({ command: ['npm', 'start'] })
    current = { gateway, address: await gateway.ready() }
  }
  return current
}

/** Its end, with nothing left behind. */
async function ended({ gateway }: Pick<Up, 'gateway'>): Promise<void> {
  current = undefined
  await gateway.ended
  await expectNothingRunning(place)
}

async function post(address: string, body: Readonly<Record<string, unknown>>): Promise<Response> {
  const response = await fetch(`${address}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, messages: [{ role: 'user', content: 'Hello' }] }),
  })
  expect(response.status).toBe(200)
  return response
}

/**
 * One socket, many requests at once, and nobody who reads: what the kernel does not hold waits in the gateway's memory,
 * as the end of an answer does for a caller with a slow line.
 */
async function readLate(address: string, requests: number) {
  const { hostname, port } = new URL(address)
  const socket = connect(Number(port), hostname).pause()
  const body = JSON.stringify({ model: 'large', messages: [{ role: 'user', content: 'Hello' }] })
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json`
  upstream.seen.length = 0
  socket.write(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`.repeat(requests))
  await expect.poll(() => upstream.seen.length).toBeGreaterThan(0)
  for (let before = 0; before < upstream.seen.length; await sleep(500)) before = upstream.seen.length
  return {
    async readAll() {
      let got = ''
      for await (const chunk of socket) got += String(chunk)
      const parts = got.split(largeAnswer)
      return { whole: parts.length - 1, rest: parts.at(-1) ?? '' }
    },
  }
}

interface Streaming {
  readonly id: string
  readonly text: Promise<string>
}

/** A stream that has begun: its first words are here. */
async function begin(address: string, model: string): Promise<Streaming> {
  const response = await post(address, { model, stream: true })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  if (!reader) throw new Error('an answer without a body')
  const first = await reader.read()
  const rest = async (): Promise<string> => {
    let text = first.value ?? ''
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value
    return text
  }
  return { id: response.headers.get('x-request-id') ?? '', text: rest() }
}

/** As it stands in the view, which is the one that others read. */
async function rowsInView(where: string, value: string): Promise<readonly Record<string, unknown>[]> {
  const address = runningEmbedded(place.dataDir)
  if (!address) throw new Error('no PostgreSQL runs in the data directory')
  const database = openDatabase(address)
  try {
    const { sql } = database
    return await sql`SELECT to_jsonb(r) AS row FROM tollgate.usage_rows r WHERE ${sql(where)} = ${value}`.then((rows) =>
      rows.map(({ row }) => row as Record<string, unknown>),
    )
  } finally {
    await database.close()
  }
}

/** The rows of a call, when they have arrived. */
async function rowOf(requestId: string): Promise<Record<string, unknown>> {
  const callId = uuidOf('req', requestId) ?? ''
  await expect.poll(() => rowsInView('call_id', callId), { timeout: 10_000 }).toHaveLength(1)
  const [row] = await rowsInView('call_id', callId)
  return row ?? {}
}

function sinceMs(thenMs: number): number {
  return Math.round(systemClock.elapsed() - thenMs)
}

function postmaster(): number {
  return readPostmaster(join(place.dataDir, 'postgres'))?.pid ?? 0
}

function gatewayPid(): number {
  return dataDirOwner(place.dataDir)?.pid ?? 0
}

describe('an installation', { timeout: 60_000 }, () => {
  test('begins with an address, a key, and a call that works as it is printed', async () => {
    const { gateway, address } = await up()
    await expect.poll(gateway.said).toMatch(/\/v1\/me\/usage.*\n/)
    key = /sk-tg-[\w-]+/.exec(gateway.said())?.[0] ?? ''
    const [call = ''] = /^ *curl -N (?:.*\\\n)*.*$/m.exec(gateway.said()) ?? []
    expect(call).toContain(address)
    expect(call).toContain(key)

    const { stdout } = await run('sh', ['-c', call])
    const endedMs = systemClock.elapsed()
    expect(stdout).toMatch(/^data: .*\n\ndata: \[DONE\]\n\n$/s)
    await expect.poll(() => rowsInView('key_id', 'first'), { timeout: 10_000, interval: 20 }).toHaveLength(1)
    process.stdout.write(`row in the ledger ${sinceMs(endedMs)} ms after the answer\n`)
    const [row] = await rowsInView('key_id', 'first')
    expect(row).toMatchObject({ status: 'complete', success: true, model: 'sandbox/echo', usage_source: 'provider' })
    expect(row?.['input_tokens']).toBeGreaterThan(0)
    expect(row?.['output_tokens']).toBeGreaterThan(0)
    expect(row?.['cost_nano_usd']).toBeGreaterThan(0)

    const id = publicId('req', row?.['call_id'] as Uuid)
    const told = await fetch(`${address}/v1/me/requests/${id}`, { headers: { authorization: `Bearer ${key}` } })
    expect(await told.json()).toMatchObject({
      success: true,
      attempts: [{ usage: { input_tokens: row?.['input_tokens'], output_tokens: row?.['output_tokens'] } }],
    })
  })

  test.each([
    ['SIGTERM to npm, as a supervisor sends it,', ({ gateway }: Up) => gateway.signal('SIGTERM')],
    ['Ctrl-C, which reaches the whole group,', ({ gateway }: Up) => gateway.signalGroup('SIGINT')],
  ])('%s lets an open stream end, and leaves nothing running and no row behind', async (_, stop) => {
    const first = await up()
    const { id, text } = await begin(first.address, 'steady')
    stop(first)
    expect(await text).toMatch(/"finish_reason":"stop".*\n\ndata: \[DONE\]\n\n$/)
    await ended(first)

    await up()
    expect(await rowOf(id)).toMatchObject({ status: 'complete', success: true, input_tokens: 5, output_tokens: 3 })
  })

  test('starts again at once, and tells no secret any more', async () => {
    const { gateway } = await up()
    gateway.signal('SIGTERM')
    await ended({ gateway })
    const startedMs = systemClock.elapsed()
    const again = await up()
    expect((await fetch(`${again.address}/healthz`)).status).toBe(200)
    process.stdout.write(`second start: ${sinceMs(startedMs)} ms from npm start to /healthz\n`)
    expect(sinceMs(startedMs)).toBeLessThan(10_000)
    await expect.poll(again.gateway.said).toContain('tollgate quickstart')
    expect(again.gateway.said()).not.toContain('sk-')
  })

  test('keeps a second gateway out of its data directory, and is none the worse for it', async () => {
    const { address } = await up()
    const second = place.start()
    expect(await second.ended).toMatchObject({ code: 1 })
    expect(second.said()).toContain(`pid ${gatewayPid()}`)
    expect(second.said()).toContain(address)
    expect((await fetch(`${address}/readyz`)).status).toBe(200)
    const { text } = await begin(address, 'steady')
    expect(await text).toMatch(/\[DONE\]\n\n$/)
  })

  test('sends a reader who is behind all that was answered before it goes', async () => {
    const first = await up()
    const reader = await readLate(first.address, 12)
    first.gateway.signal('SIGTERM')
    await sleep(300)
    const { whole, rest } = await reader.readAll()
    expect(whole).toBe(upstream.seen.length)
    expect(rest).toBe('')
    await ended(first)
  })

  test('killed with kill -9, is taken up where it was: its PostgreSQL runs on, its rows arrive', async () => {
    const { gateway, address } = await up()
    const whole = await begin(address, 'steady')
    await whole.text
    const cut = await begin(address, 'endless')
    const server = postmaster()
    process.kill(gatewayPid(), 'SIGKILL')
    await expect(cut.text).rejects.toThrow()
    current = undefined
    await gateway.ended
    expect(place.running()).toEqual([server])

    await up()
    expect(postmaster()).toBe(server)
    expect(await rowOf(whole.id)).toMatchObject({ status: 'complete', success: true, output_tokens: 3 })
    expect(await rowOf(cut.id)).toMatchObject({ status: 'orphan', success: false })
  })

  test('killed together with its PostgreSQL, recovers and has its rows', async () => {
    const first = await up()
    const { id, text } = await begin(first.address, 'steady')
    await text
    const server = postmaster()
    process.kill(server, 'SIGKILL')
    process.kill(gatewayPid(), 'SIGKILL')
    await ended(first)

    await up()
    expect(postmaster()).not.toBe(server)
    expect(await rowOf(id)).toMatchObject({ status: 'complete', success: true, output_tokens: 3 })
  })

  test('told twice to stop, tells an endless stream so and ends within seconds', async () => {
    const first = await up()
    const { id, text } = await begin(first.address, 'endless')
    first.gateway.signal('SIGTERM')
    // Later than the echo of one Ctrl-C.
    await sleep(1_000)
    const hurriedMs = systemClock.elapsed()
    first.gateway.signal('SIGTERM')
    const said = await text
    expect(said).toMatch(/data: \{"error":\{[^\n]*"code":"shutting_down"[^\n]*\n\n$/)
    expect(said).not.toContain('[DONE]')
    await ended(first)
    process.stdout.write(`second SIGTERM to the end: ${sinceMs(hurriedMs)} ms\n`)
    expect(sinceMs(hurriedMs)).toBeLessThan(20_000)

    const next = await up()
    expect(await rowOf(id)).toMatchObject({ status: 'cut', success: false, error_code: 'shutting_down' })
    next.gateway.signal('SIGTERM')
    await ended(next)
  })

  test('stopped while it starts, leaves nothing running', async () => {
    const starting = place.start({ command: ['npm', 'start'] })
    await expect.poll(postmaster, { timeout: 20_000, interval: 5 }).toBeGreaterThan(0)
    starting.signalGroup('SIGINT')
    await ended({ gateway: starting })
    expect(readFileSync(join(place.dataDir, 'postgres.log'), 'utf8')).toMatch(/database system is shut down\n$/)
  })
})
