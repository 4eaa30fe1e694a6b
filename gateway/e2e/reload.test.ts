import { hash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { systemClock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import {
  insertConnection,
  type NewConnection,
  removeConnection,
  updateConnection,
} from '../ledger/configured/connections.ts'
import { insertKey, revokeKey } from '../ledger/configured/keys.ts'
import { sealCredential } from '../stored-connections.ts'
import { type Callers, startCallers, upstreamForCallers } from './callers.ts'
import { testDatabase } from './database.ts'
import { localConnection, masterKey, secret, startGateway, type TestGateway } from './gateway.ts'
import { completion, doneEvent, event, type Seen, sendJson, startUpstream, type Upstream } from './upstream.ts'

/** R40: a change is in effect on every replica within this. */
const effectiveMs = 1_000
/** A file has to look the same twice before it is believed. */
const fileMs = 2_000

const current = testDatabase()
const opened: (() => Promise<unknown>)[] = []
let upstream: Upstream

beforeEach(async () => {
  upstream = await startUpstream((_, response) => sendJson(response, 200, completion('hello')))
})
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
  await upstream.close()
  await current().database.sql`DELETE FROM tollgate.connections`
  await current().database.sql`DELETE FROM tollgate.keys`
})

async function start(file: Readonly<Record<string, unknown>> = {}): Promise<TestGateway> {
  const gateway = await startGateway(current(), { connections: [localConnection('main', upstream.url)], ...file })
  opened.push(() => gateway.close())
  return gateway
}

async function anotherUpstream(answer: Upstream['answer']): Promise<Upstream> {
  const other = await startUpstream(answer)
  opened.push(() => other.close())
  return other
}

function callThrough(callers: Callers): Callers {
  opened.push(() => callers.stop())
  return callers
}

async function ask(gateway: TestGateway, model = 'gpt-4o-mini', more: object = {}, key = secret): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], ...more }),
  })
}

async function healthOf({ url }: TestGateway) {
  const response = await fetch(`${url}/health`)
  return (await response.json()) as {
    readonly configuration: { readonly version: number; readonly loaded_at: string; readonly problem: string | null }
    readonly connections: readonly { readonly id: string; readonly status: string }[]
  }
}

const configurationOf = async (gateway: TestGateway) => (await healthOf(gateway)).configuration

function store(slug: string, baseUrl: string, more: Partial<NewConnection> = {}) {
  const id = uuidV7(systemClock.now())
  const sealed = sealCredential(id, 'upstream-key-of-the-ledger', [masterKey])
  const connection = { id, slug, provider: 'compatible', baseUrl, allowPrivateNetwork: true, ...sealed, ...more }
  return insertConnection(current().database, systemClock, connection)
}

/** How long it takes until something holds, at most `max`. */
async function tookMs(holds: () => boolean | Promise<boolean>, max: number): Promise<number> {
  const startedMs = systemClock.elapsed()
  while (!(await holds())) {
    if (systemClock.elapsed() - startedMs > max) throw new Error(`it did not hold within ${max} ms`)
    await sleep(5)
  }
  return systemClock.elapsed() - startedMs
}

async function takenUp(gateway: TestGateway, change: () => unknown, max: number): Promise<void> {
  const { version } = await configurationOf(gateway)
  await change()
  await tookMs(async () => (await configurationOf(gateway)).version > version, max)
}

describe('under load, on two replicas', () => {
  test('a key is revoked and a connection disabled within a second, and no other call fails (R40)', {
    timeout: 60_000,
  }, async () => {
    const { database } = current()
    const leaving = 'a-key-that-is-revoked-soon'
    await insertKey(database, systemClock, {
      slug: 'leaving',
      secretSha256: hash('sha256', leaving, 'base64'),
      hint: 'a-key…soon',
      orgId: 'default',
      models: ['*'],
      allowClientIdentity: true,
    })
    upstream.answer = upstreamForCallers().answer
    const stored = await anotherUpstream(upstreamForCallers().answer)
    const keys = [{ id: 'dev', secret, allow_client_identity: true }]
    const replicas = [await start({ keys }), await start({ keys })]
    const load = replicas.map(({ url }) => callThrough(startCallers({ url, secret, callers: 8, restMs: 10 })))
    const revoked = replicas.map(({ url }) =>
      callThrough(startCallers({ name: 'leaving', url, secret: leaving, callers: 2, restMs: 10 })),
    )
    await expect.poll(() => upstream.seen.length, { timeout: 10_000 }).toBeGreaterThan(50)

    await store('spare', stored.url, { priority: 1 })
    const addedMs = await tookMs(() => stored.seen.length > 20, effectiveMs)

    await updateConnection(database, systemClock, 'spare', { status: 'inactive' })
    const disabledMs = await lastOf(stored.seen)
    await updateConnection(database, systemClock, 'spare', { status: 'active' })
    await tookMs(() => stored.seen.length > 200, 10_000)

    const revokedAt = Promise.all(revoked.map(({ calls }) => tookMs(() => calls.at(-1)?.status === 401, effectiveMs)))
    await revokeKey(database, systemClock, 'leaving')
    const revokedMs = Math.max(...(await revokedAt))
    await sleep(300)
    await Promise.all([...load, ...revoked].map((callers) => callers.stop()))

    for (const { calls } of load) expect(calls.filter(({ end }) => end !== 'whole')).toEqual([])
    for (const { calls } of revoked) {
      const firstRefused = calls.findIndex(({ status }) => status === 401)
      expect(calls.slice(0, firstRefused).filter(({ end }) => end !== 'whole')).toEqual([])
      expect(calls.slice(firstRefused + 2).every(({ status }) => status === 401)).toBe(true)
    }
    expect(Math.max(addedMs, disabledMs, revokedMs)).toBeLessThan(effectiveMs)
  })

  /** How long something went on arriving. */
  async function lastOf(seen: readonly Seen[]): Promise<number> {
    const startedMs = systemClock.elapsed()
    let lastMs = startedMs
    let count = seen.length
    while (systemClock.elapsed() - startedMs < 2 * effectiveMs) {
      await sleep(5)
      if (seen.length > count) lastMs = systemClock.elapsed()
      count = seen.length
    }
    return lastMs - startedMs
  }
})

describe('a stored connection', () => {
  test('is called with its credential, and not any more when it was removed', async () => {
    const gateway = await start({ connections: [] })
    expect((await ask(gateway)).status).toBe(404)
    await store('ledger', upstream.url)
    await tookMs(async () => (await ask(gateway)).status === 200, effectiveMs)
    expect(upstream.seen.at(-1)?.headers.authorization).toBe('Bearer upstream-key-of-the-ledger')
    await removeConnection(current().database, systemClock, 'ledger')
    await tookMs(async () => (await ask(gateway)).status === 404, effectiveMs)
  })

  test('that cannot be opened stops no start: it is inactive, and /health says why', async () => {
    const wrong = sealCredential(uuidV7(0), 'the credential of another row', [masterKey])
    await store('moved', upstream.url, wrong)
    const gateway = await start()
    expect((await ask(gateway)).status).toBe(200)
    const { configuration, connections } = await healthOf(gateway)
    expect(configuration.problem).toMatch(/^the connection moved is not used: its credential does not open: /)
    expect(connections).toContainEqual(expect.objectContaining({ id: 'moved', status: 'inactive' }))
    await removeConnection(current().database, systemClock, 'moved')
    await tookMs(async () => (await configurationOf(gateway)).problem === null, effectiveMs)
  })

  test('that is draining gets no new call, and ends its last one', async () => {
    let finish = () => {}
    const draining = await anotherUpstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(event({ content: 'first' }))
      finish = () => void response.end(event({ content: ' last' }, 'stop') + doneEvent)
    })
    await store('ledger', draining.url, { priority: 1 })
    const gateway = await start()
    const underWay = await ask(gateway, 'gpt-4o-mini', { stream: true })
    expect(draining.seen).toHaveLength(1)
    for (const change of [
      () => updateConnection(current().database, systemClock, 'ledger', { status: 'draining' }),
      () => removeConnection(current().database, systemClock, 'ledger'),
    ]) {
      await takenUp(gateway, change, effectiveMs)
      expect(await (await ask(gateway)).text()).toContain('hello')
    }
    expect(draining.seen).toHaveLength(1)
    finish()
    expect(await underWay.text()).toContain(' last')
    expect(draining.aborted).toBe(0)
  })

  test('that leads elsewhere is called there, and a call under way keeps its place', async () => {
    let finish = () => {}
    upstream.answer = (_, response) => {
      finish = () => sendJson(response, 200, completion('from the old place'))
    }
    const next = await anotherUpstream((_, response) => sendJson(response, 200, completion('from the new place')))
    await store('ledger', upstream.url)
    const gateway = await start({ connections: [] })
    const underWay = ask(gateway)
    await expect.poll(() => upstream.seen.length).toBe(1)
    await takenUp(
      gateway,
      () => updateConnection(current().database, systemClock, 'ledger', { baseUrl: next.url }),
      effectiveMs,
    )
    expect(await (await ask(gateway)).text()).toContain('from the new place')
    finish()
    expect(await (await underWay).text()).toContain('from the old place')
  })

  test('gets a new key, and a late refusal of the old one is none of its', async () => {
    let refuse = () => {}
    upstream.answer = ({ headers }, response) => {
      if (headers.authorization === 'Bearer the-new-key-of-the-ledger') sendJson(response, 200, completion('hello'))
      else refuse = () => sendJson(response, 401, '{"error":{"message":"no","code":"invalid_api_key"}}')
    }
    const stored = await store('ledger', upstream.url)
    const gateway = await start({ connections: [] })
    const underWay = ask(gateway)
    await expect.poll(() => upstream.seen.length).toBe(1)
    const sealed = sealCredential(stored?.id ?? '', 'the-new-key-of-the-ledger', [masterKey])
    await takenUp(gateway, () => updateConnection(current().database, systemClock, 'ledger', sealed), effectiveMs)
    refuse()
    expect((await underWay).status).toBe(502)
    expect((await ask(gateway)).status).toBe(200)
  })
})

describe('the file', () => {
  const declaring = (model: string, more: object = {}) =>
    stringify({
      connections: [localConnection('main', upstream.url)],
      keys: [{ id: 'dev', secret }],
      models: { [model]: ['gpt-4o-mini'] },
      ...more,
    })
  const serves = async (gateway: TestGateway, model: string) => (await ask(gateway, model)).status === 200
  const narrowly = () => ({ connections: [localConnection('main', upstream.url, { models: ['gpt-*'] })] })
  const startNarrow = () => start(narrowly())
  const narrow = (model: string) => declaring(model, narrowly())

  test('is taken up when it is written in place, renamed over, or behind a link that is turned', async () => {
    const gateway = await startNarrow()
    const { configPath } = gateway
    writeFileSync(configPath, narrow('in-place'))
    await tookMs(() => serves(gateway, 'in-place'), fileMs)

    writeFileSync(`${configPath}.new`, narrow('renamed'))
    renameSync(`${configPath}.new`, configPath)
    await tookMs(() => serves(gateway, 'renamed'), fileMs)

    const folder = dirname(configPath)
    for (const name of ['linked-once', 'linked-twice']) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'tollgate.yaml'), narrow(name))
      rmSync(join(folder, '..data.new'), { force: true })
      symlinkSync(name, join(folder, '..data.new'))
      renameSync(join(folder, '..data.new'), join(folder, '..data'))
      if (name === 'linked-once') {
        rmSync(configPath)
        symlinkSync('..data/tollgate.yaml', configPath)
      }
      await tookMs(() => serves(gateway, name), fileMs)
    }
    expect((await configurationOf(gateway)).problem).toBeNull()
  })

  test.each<readonly [string, (path: string) => void, RegExp]>([
    ['broken', (path) => writeFileSync(path, 'keys: [\n'), /tollgate\.yaml:\d+:\d+: /],
    ['wrong', (path) => writeFileSync(path, 'keys:\n  - id: Dev\n'), /tollgate\.yaml:2:9 keys\[0\]\.id: /],
    ['empty', (path) => writeFileSync(path, ''), /tollgate\.yaml: is empty/],
    ['gone', (path) => rmSync(path), /tollgate\.yaml: is not there/],
  ])('that is %s leaves what was in effect, and is taken up once it is in order again', async (_, spoil, said) => {
    const gateway = await startNarrow()
    const sound = readFileSync(gateway.configPath, 'utf8')
    const { version } = await configurationOf(gateway)
    spoil(gateway.configPath)
    await tookMs(async () => (await configurationOf(gateway)).problem !== null, fileMs)
    const { problem, ...unchanged } = await configurationOf(gateway)
    expect(problem).toMatch(said)
    expect(unchanged.version).toBe(version)
    expect((await ask(gateway)).status).toBe(200)
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
    expect(metrics).toMatch(/^tollgate_config_reload_failures_total 1$/m)

    writeFileSync(gateway.configPath, sound)
    await tookMs(async () => (await configurationOf(gateway)).problem === null, fileMs)
    expect((await configurationOf(gateway)).version).toBe(version + 1)
    writeFileSync(gateway.configPath, narrow('repaired'))
    await tookMs(() => serves(gateway, 'repaired'), fileMs)
  })

  test('with a mistake holds up nothing that the database says', async () => {
    const gateway = await startNarrow()
    writeFileSync(gateway.configPath, 'keys: [\n')
    await tookMs(async () => (await configurationOf(gateway)).problem !== null, fileMs)
    await store('ledger', upstream.url, { models: ['stored-*'] })
    await tookMs(() => serves(gateway, 'stored-model'), effectiveMs)
  })

  test('is one change when it is changed a hundred times, and so is the database', async () => {
    const gateway = await startNarrow()
    const { version } = await configurationOf(gateway)
    for (let i = 1; i <= 100; i++) {
      writeFileSync(gateway.configPath, narrow(`edit-${i}`))
      await sleep(2)
    }
    await tookMs(() => serves(gateway, 'edit-100'), fileMs)
    const afterFile = (await configurationOf(gateway)).version
    expect(afterFile - version).toBeLessThanOrEqual(2)

    await store('ledger', upstream.url, { models: ['stored-*'] })
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        updateConnection(current().database, systemClock, 'ledger', { models: [`stored-${i}`, 'always'] }),
      ),
    )
    await tookMs(() => serves(gateway, 'always'), effectiveMs)
    await sleep(effectiveMs)
    expect((await configurationOf(gateway)).version - afterFile).toBeLessThanOrEqual(3)
  })

  test('edits a limit and keeps what was used of it', async () => {
    const limited = (rpm: number) => ({ keys: [{ id: 'dev', secret, limits: { rpm } }] })
    const gateway = await start(limited(3))
    const write = (rpm: number) =>
      takenUp(gateway, () => writeFileSync(gateway.configPath, declaring('any', limited(rpm))), fileMs)
    for (const _ of [1, 2]) expect((await ask(gateway)).status).toBe(200)
    await write(2)
    expect((await ask(gateway)).status).toBe(429)
    await write(3)
    expect([(await ask(gateway)).status, (await ask(gateway)).status]).toEqual([200, 429])
  })

  test('changes what a model without a price costs', async () => {
    const model = 'nobody-knows-this-model'
    upstream.answer = (_, response) => sendJson(response, 200, completion('hello').replaceAll('gpt-4o-mini', model))
    const gateway = await start({ settings: { default_price_usd_per_mtok: 1 } })
    const costOf = async () => (await gateway.rowsOf(await ask(gateway, model)))[0]?.cost_nano_usd
    expect(await costOf()).toBe(7_000)
    const dearer = declaring('any', { settings: { default_price_usd_per_mtok: 2 } })
    await takenUp(gateway, () => writeFileSync(gateway.configPath, dearer), fileMs)
    expect(await costOf()).toBe(14_000)
  })
})
