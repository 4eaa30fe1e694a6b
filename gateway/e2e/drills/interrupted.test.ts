import { createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chargeOf } from '../../domain/charge.ts'
import { nanoUsd } from '../../domain/money.ts'
import type { UsageRow } from '../../domain/usage-row.ts'
import { testDatabase } from '../database.ts'
import { localConnection, masterKey, secret, startGateway, type TestGateway, urlOf } from '../gateway.ts'
import { makePlace, type Place } from '../process.ts'
import { type Decision, decisions, type Policy, policies } from './decision-table.ts'
import { interruptedAnswers } from './interrupted-answers.ts'
import { inLanes } from './lanes.ts'
import { type MisbehavingUpstream, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { ask, post } from './raw-client.ts'

/** Every case of `interrupted-calls.md`, under every policy: the page says what its row has to be. */
const table = decisions()
const names = table.map(({ name }) => name)

const database = testDatabase()
const gateways = new Map<Policy, TestGateway>()
let upstream: MisbehavingUpstream
let silent: Server
let place: Place
let rows: ReadonlyMap<string, UsageRow>

/** Whoever waits for an end that does not come. */
const short = { connect_ms: 2_000, first_byte_ms: 4_000, first_token_ms: 4_000, idle_ms: 4_000 }
const ownDeadline = { 'x-tollgate-timeout-ms': '5000' }
const key = { id: 'dev', secret, allow_client_identity: true }

const userOf = (policy: Policy, name: string) => `${policy}/${name}`
const died = (name: string) => name.startsWith('died-')
const shutDown = (name: string) => name.startsWith('shutdown-')

function file(policy: Policy) {
  const addresses: Readonly<Record<string, string>> = {
    unreachable: 'http://127.0.0.1:1/v1',
    'left-unsent': `https://127.0.0.1:${portOf(silent)}/v1`,
  }
  const connections = names.map((name) =>
    localConnection(name, addresses[name] ?? upstream.at(name, userOf(policy, name).replace('/', '-')), {
      models: [{ [name]: 'gpt-4o-mini' }],
      ...(name.startsWith('silent-') && { timeouts: short }),
    }),
  )
  // Asked before the one that is silent until its gateway dies.
  const before = localConnection('before', 'http://127.0.0.1:1/v1', {
    models: [{ 'died-headless': 'gpt-4o-mini' }],
    priority: 1,
  })
  const settings = { charge_on_upstream_error: policy, ping_after_ms: 0 }
  return { connections: [...connections, before], keys: [key], settings }
}

beforeAll(async () => {
  upstream = await startMisbehavingUpstream(interruptedAnswers)
  silent = await listening()
  place = makePlace()
  const deaths = die()
  for (const policy of policies) gateways.set(policy, await startGateway(database(), file(policy)))
  const cases = policies.flatMap((policy) => names.map((name) => ({ policy, name })))
  await inLanes(
    40,
    cases.filter(({ name }) => !died(name) && !shutDown(name)),
    play,
  )
  // Those that are under way when their gateway goes down.
  const last = cases.filter(({ name }) => shutDown(name)).map(play)
  await Promise.all(cases.filter(({ name }) => shutDown(name)).map(({ policy, name }) => underWay(policy, name)))
  await Promise.all([...gateways.values()].map((gateway) => gateway.close()))
  gateways.clear()
  await Promise.all([...last, deaths])
  rows = await lastRows()
}, 120_000)
afterAll(async () => {
  for (const gateway of gateways.values()) await gateway.close()
  await place?.end()
  await upstream?.close()
  silent?.close()
})

async function play({ policy, name }: { readonly policy: Policy; readonly name: string }): Promise<void> {
  const url = gateways.get(policy)?.url ?? ''
  const user = userOf(policy, name)
  const stream = !/^(whole|refused|garbage|left-drained)/.test(name)
  const question = { model: name, stream, more: { user }, ...(name.startsWith('late-') && { headers: ownDeadline }) }
  if (!name.startsWith('left-')) {
    await ask(url, question)
    return
  }
  const controller = new AbortController()
  const answer = post(url, question, controller.signal)
  answer.catch(() => {})
  if (name === 'left-unsent') await sleep(300)
  else await underWay(policy, name)
  if (/content$|partial/.test(name)) await contentOf(await answer)
  controller.abort()
}

/** Waits until the provider has been asked, and has had the time for what comes before its content. */
async function underWay(policy: Policy, name: string): Promise<void> {
  while (upstream.asked(userOf(policy, name).replace('/', '-')).length === 0) await sleep(5)
  await sleep(200)
}

async function contentOf({ body }: Response): Promise<void> {
  const reader = body?.getReader()
  for (let bytes = 0; bytes < 400; ) bytes += (await reader?.read())?.value?.length ?? 400
}

/** A gateway is killed in the middle of its calls, and the next one finds what it had written down. */
async function die(): Promise<void> {
  const policy = 'reported'
  place.configure(file(policy))
  const env = { DATABASE_URL: urlOf(database().address), TOLLGATE_MASTER_KEY: masterKey.toString('base64') }
  const gateway = place.start({ env })
  const url = await gateway.ready()
  const calls = names.filter(died).map((name) => {
    const question = { model: name, stream: true, more: { user: userOf(policy, name) } }
    return ask(url, question).catch(() => {})
  })
  await Promise.all(names.filter(died).map((name) => underWay(policy, name)))
  // Progress is written down every 5 s.
  await sleep(7_000)
  gateway.signal('SIGKILL')
  await gateway.ended
  await Promise.all(calls)
  await place.start({ env }).ready()
}

async function lastRows(): Promise<ReadonlyMap<string, UsageRow>> {
  const wanted = names.flatMap((name) => (died(name) ? ['reported'] : policies).map((policy) => `${policy}/${name}`))
  const found = async () => {
    // The last attempt of each: a socket that was found dead is replaced by another once.
    const all = await database().database.sql<{ row: UsageRow }[]>`
      SELECT to_jsonb(usage) AS row FROM tollgate.usage WHERE calls = 1 AND (revision = 2 OR status = 'orphan')
    `
    return new Map(all.map(({ row }) => [row.user_id ?? '', row] as const))
  }
  for (let waitedMs = 0; ; waitedMs += 100) {
    const known = await found()
    const missing = wanted.filter((user) => !known.has(user))
    if (missing.length === 0) return known
    if (waitedMs > 20_000) throw new Error(`no row came of ${missing.join(', ')}`)
    await sleep(100)
  }
}

test('the page has a row for every case that is played, and plays for every row', () => {
  const played = [...Object.keys(interruptedAnswers), 'unreachable', 'left-unsent']
  expect(names.toSorted()).toEqual(played.toSorted())
})

test('an attempt that had failed before its gateway died over the next is no orphan, and costs nothing', async () => {
  const failed = await database().database.sql`
    SELECT attempt, calls, status, usage_source, cost_nano_usd::int AS cost, charge_nano_usd::int AS charge
    FROM tollgate.usage WHERE connection_id = 'before'`
  expect([...failed]).toEqual([{ attempt: 1, calls: 0, status: 'failed', usage_source: 'none', cost: 0, charge: 0 }])
})

/** Nano-dollars a token of gpt-4o-mini. */
const rates = { input: 150, output: 600 }

describe.each(table)('$name', ({ name, status, source, cost, charged, flag }: Decision) => {
  test.each(died(name) ? (['reported'] as const) : policies)('is in its row what the page says, with %s', (policy) => {
    const row = rows.get(userOf(policy, name))
    expect(row).toMatchObject({ status, usage_source: source, success: status === 'complete' })
    expect(row?.flags).toEqual(flag === undefined ? [] : [flag])
    const { input_tokens: input, output_tokens: output } = row ?? {}
    expect(row?.cost_nano_usd).toBe(rates.input * (input ?? 0) + rates.output * (output ?? 0))
    if (cost === 'stated') expect([input, output]).toEqual([5, name === 'reset-stated' ? 3 : 2])
    else if (cost === '0') expect([input ?? 0, output ?? 0]).toEqual([0, 0])
    else {
      expect(input).toBeGreaterThan(0)
      if (cost === 'input') expect(output ?? 0).toBe(0)
      else expect(output).toBeGreaterThan(0)
    }
    expect(row?.charge_nano_usd).toBe(charged[policy] === 'cost' ? row?.cost_nano_usd : 0)
  })

  test('is charged by its row alone', () => {
    const known = nanoUsd(700)
    for (const chargeOnUpstreamError of policies) {
      const facts = { status, usageSource: source, cost: known, providerCost: undefined }
      const charge = chargeOf(facts, { chargeBy: 'provider', chargeOnUpstreamError })
      expect(charge).toBe(charged[chargeOnUpstreamError] === 'cost' ? known : 0)
    }
  })
})

/** Takes whoever comes, and says nothing. */
async function listening(): Promise<Server> {
  const server = createServer((socket) => void socket.on('error', () => {}))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}
