import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../database.ts'
import { localConnection, secret, startGateway, type TestGateway } from '../gateway.ts'
import { moody } from './answers.ts'
import { askMany, inLanes } from './lanes.ts'
import { type MisbehavingUpstream, type Play, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { ask, type View } from './raw-client.ts'
import { refusals } from './refusals.ts'

/** Calls that belong together go to one connection, where the provider has cached what they begin with. */
const moods = new Map<string, Play>()

const database = testDatabase()
let upstream: MisbehavingUpstream
let gateway: TestGateway
let indifferent: TestGateway

beforeAll(async () => {
  upstream = await startMisbehavingUpstream({ moody: moody(moods) })
  const equals = (model: string, count: number, more = {}) =>
    Array.from({ length: count }, (_, n) =>
      localConnection(`${model}-${n}`, upstream.at('moody', `${model}-${n}`), { models: [model], ...more }),
    )
  const keys = [{ id: 'dev', secret, allow_client_identity: true }]
  const connections = [...equals('three', 3), ...equals('tight', 2, { limits: { rpm: 50 } }), ...equals('frail', 3)]
  gateway = await startGateway(database(), { keys, connections })
  indifferent = await startGateway(database(), { keys, connections, settings: { affinity: 'off' } })
})
afterAll(async () => {
  await gateway?.close()
  await indifferent?.close()
  await upstream?.close()
})

const inSession = (model: string, session: string) => ({ model, headers: { 'x-tollgate-session': session } })

/** The connection that answers. */
async function call(model: string, session: string): Promise<string> {
  return connectionOf(await ask(gateway.url, inSession(model, session)))
}

function connectionOf({ status, headers }: View): string {
  expect(status).toBe(200)
  return headers.get('x-tollgate-connection') ?? ''
}

/** How often each of these occurs. */
function counts(all: readonly string[]): ReadonlyMap<string, number> {
  return new Map([...Map.groupBy(all, (each) => each)].map(([each, same]) => [each, same.length]))
}

/** Of a session's calls, the part that went to the connection it went to most. */
function loyalty(connections: readonly string[]): number {
  return Math.max(...counts(connections).values()) / connections.length
}

test('at least 95 % of a session’s calls go to one connection, and sessions spread evenly', async () => {
  const sessions = Array.from({ length: 40 }, (_, n) => `session-${n}`)
  const turns = Array.from({ length: 10 }, () => sessions).flat()
  const connections = await inLanes(10, turns, (session) => call('three', session))
  const bySession = sessions.map((session) => connections.filter((_, at) => turns[at] === session))
  for (const [at, own] of bySession.entries()) expect(loyalty(own), sessions[at]).toBeGreaterThanOrEqual(0.95)
  const homes = counts(bySession.map(([first = '']) => first))
  expect(homes.size).toBe(3)
  // Which session goes where is a hash, and no luck; a third of forty is 13.
  for (const [connection, count] of homes) expect(count, connection).toBeGreaterThanOrEqual(7)
})

test('a session lets go of a connection at 80 % of its limit, before that is met', async () => {
  const connections: string[] = []
  for (let n = 0; n < 70; n++) connections.push(await call('tight', 'busy'))
  const [home = ''] = connections
  expect(loyalty(connections.slice(0, 38))).toBe(1)
  const later = connections.slice(42)
  expect(later.filter((each) => each !== home).length).toBeGreaterThanOrEqual(later.length / 4)
  expect(upstream.asked(home).length).toBeLessThanOrEqual(50)
})

test('a session lets go of a connection that fell ill', async () => {
  const home = await call('frail', 'patient')
  moods.set(home, refusals['500'])
  const connections: string[] = []
  for (let n = 0; n < 20; n++) connections.push(await call('frail', 'patient'))
  expect(connections).not.toContain(home)
  expect(upstream.asked(home).length).toBeLessThanOrEqual(6)
  moods.delete(home)
})

describe('without a session', () => {
  const prompt = (name: string, end: string) => ({
    messages: [
      { role: 'system', content: `${name} `.repeat(1_000) },
      { role: 'user', content: end },
    ],
  })

  test('long prompts that begin alike go together', async () => {
    for (const name of ['alpha', 'beta', 'gamma', 'delta']) {
      const connections: string[] = []
      for (let n = 0; n < 8; n++) {
        connections.push(connectionOf(await ask(gateway.url, { model: 'three', more: prompt(name, `question ${n}`) })))
      }
      expect(loyalty(connections), name).toBe(1)
    }
  })

  test('short ones, which nobody caches, are spread', async () => {
    const connections = (await askMany(gateway.url, { model: 'three' }, 90, 6)).map(connectionOf)
    expect(Math.min(...counts(connections).values())).toBeGreaterThanOrEqual(12)
  })
})

test('switched off, a session’s calls are spread like any others', async () => {
  const connections = (await askMany(indifferent.url, inSession('three', 'any'), 90, 6)).map(connectionOf)
  expect(counts(connections).size).toBe(3)
  expect(Math.min(...counts(connections).values())).toBeGreaterThanOrEqual(12)
})
