import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../database.ts'
import { localConnection, secret, urlOf } from '../gateway.ts'
import { makePlace, type Place } from '../process.ts'
import { event } from '../upstream.ts'
import { sse, streamFrom, well } from './answers.ts'
import { askMany } from './lanes.ts'
import { type MisbehavingUpstream, type Play, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { bodyOf } from './raw-client.ts'
import { healthOf } from './standings.ts'

/** Clients who read 100 bytes a second of a provider that sends as fast as it can: who waits, and where it piles up. */
const torture = process.env['TOLLGATE_TORTURE'] === '1'
const readers = torture ? 500 : 30
const floodMs = torture ? 90_000 : 20_000
const standstillMs = 500
const bytesOfStandstill = 16 * 1024
const growthMax = (torture ? 200 : 100) * 1024 * 1024
const bytesPerRead = 10
const readEveryMs = 100

const piece = event({ content: 'word '.repeat(200) }).repeat(16)
const flood: Play = async (exchange) => {
  exchange.head(200, [sse])
  const chunk = `${piece.length.toString(16)}\r\n${piece}\r\n`
  for (let sent = 0; await exchange.push(chunk); sent++) pushed.set(exchange, sent * piece.length)
}
/** Bytes that the gateway has taken, or that wait in the kernel, of each flood. */
const pushed = new Map<unknown, number>()
const pushedBytes = (): number => [...pushed.values()].reduce((sum, bytes) => sum + bytes, 0)

const database = testDatabase()
let upstream: MisbehavingUpstream
let place: Place
const sockets: Socket[] = []

beforeAll(async () => {
  upstream = await startMisbehavingUpstream({ well, flood })
  place = makePlace()
  place.configure({
    connections: [
      localConnection('well', upstream.at('well', 'well'), { models: ['well'] }),
      localConnection('flood', upstream.at('flood', 'flood'), { models: ['flood'] }),
    ],
    keys: [{ id: 'dev', secret }],
  })
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await place.end()
  await upstream.close()
})

async function pushedWithin(ms: number): Promise<number> {
  const before = pushedBytes()
  await sleep(ms)
  return pushedBytes() - before
}

/** Reads at its own pace; what it does not read stays in the kernel, and then at the other end. */
function readSlowly(url: string): void {
  const body = bodyOf({ model: 'flood', stream: true })
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  sockets.push(socket)
  socket.on('error', () => {})
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${secret}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  // With a listener for it, Node reads no more than somebody takes.
  socket.on('readable', () => {})
  const timer = setInterval(() => socket.read(bytesPerRead), readEveryMs)
  socket.once('close', () => clearInterval(timer))
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

test(`${readers} slow readers of a flood cost little memory, and nobody else any time`, {
  timeout: torture ? 180_000 : 60_000,
}, async () => {
  const gateway = place.start({
    env: {
      DATABASE_URL: urlOf(database().address),
      TOLLGATE_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    },
  })
  const url = await gateway.ready()
  const others = () => askMany(url, { model: 'well', stream: true }, 100, 4)
  await others()
  const before = residentBytes(gateway.pid)

  for (let n = 0; n < readers; n++) readSlowly(url)
  await expect.poll(() => pushed.size, { timeout: floodMs }).toBe(readers)
  const views = await others()
  // What lies on the way fills up, the kernel's megabytes most of all; from then on the provider waits for the readers.
  await expect.poll(() => pushedWithin(standstillMs), { timeout: floodMs }).toBeLessThan(readers * bytesOfStandstill)
  expect(residentBytes(gateway.pid) - before).toBeLessThan(growthMax)
  for (const { text, tookMs } of views) {
    expect(text).toBe(streamFrom('well'))
    expect(tookMs).toBeLessThan(2_000)
  }

  for (const socket of sockets) socket.destroy()
  await expect.poll(async () => (await healthOf(url)).live_attempts, { timeout: 5_000 }).toBe(0)
  const { sql } = database().database
  const left = () => sql`SELECT id FROM tollgate.usage WHERE connection_id = 'flood' AND status = 'client_closed'`
  await expect.poll(async () => (await left()).length, { timeout: 10_000 }).toBe(readers)
})
