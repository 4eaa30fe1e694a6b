import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../database.ts'
import { localConnection, startGateway, type TestGateway } from '../gateway.ts'
import { moody, well } from './answers.ts'
import { askMany } from './lanes.ts'
import { type MisbehavingUpstream, type Play, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { errorIn, type View } from './raw-client.ts'
import { refusals } from './refusals.ts'
import { healthOf, standingOf } from './standings.ts'

/** Connections that fall ill and get well: who asks them meanwhile, and how they get their traffic back. */
const ill = refusals['500']

/** How each connection is just now. */
const moods = new Map<string, Play>()

const database = testDatabase()
let upstream: MisbehavingUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startMisbehavingUpstream({ moody: moody(moods) })
  const moodyConnection = (id: string, model: string, priority = 1) =>
    localConnection(id, upstream.at('moody', id), { models: [model], priority })
  gateway = await startGateway(database(), {
    connections: [
      moodyConnection('share-a', 'share'),
      moodyConnection('share-b', 'share'),
      moodyConnection('probe-a', 'probe', 1),
      moodyConnection('probe-b', 'probe', 2),
      ...['four-a', 'four-b', 'four-c', 'four-d'].map((id) => moodyConnection(id, 'four')),
      moodyConnection('out-a', 'out', 1),
      moodyConnection('out-b', 'out', 2),
      moodyConnection('limited', 'limited'),
    ],
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

function calls(model: string, count: number, lanes = 8): Promise<readonly View[]> {
  return askMany(gateway.url, { model }, count, lanes)
}

/** The part of these answers that this connection gave. */
function shareOf(connection: string, views: readonly View[]): number {
  return views.filter(({ headers }) => headers.get('x-tollgate-connection') === connection).length / views.length
}

const failing = (views: readonly View[]): number => views.filter(({ status }) => status !== 200).length

describe('a connection that fails for a while', () => {
  test('loses its traffic, gets it back, and no client notices', async () => {
    const before = await calls('share', 200)
    expect(shareOf('share-a', before)).toBeGreaterThan(0.3)
    expect(shareOf('share-a', before)).toBeLessThan(0.7)

    moods.set('share-a', ill)
    const asked = upstream.asked('share-a').length
    const during = await calls('share', 300)
    expect(shareOf('share-a', during)).toBe(0)
    expect(upstream.asked('share-a').length - asked).toBeLessThan(30)
    expect(await standingOf(gateway.url, 'share-a')).toMatchObject({ available: false, reason: 'connection' })
    const second = during.find(({ headers }) => headers.get('x-tollgate-attempts') === '2')
    expect(second).toBeDefined()
    expect(await gateway.rowsOf(second as View)).toMatchObject([
      { attempt: 1, connection_id: 'share-a', http_status: 500 },
      { attempt: 2, connection_id: 'share-b', status: 'complete' },
    ])

    moods.delete('share-a')
    const after: View[] = []
    await expect
      .poll(
        async () => {
          const views = await calls('share', 100)
          after.push(...views)
          return shareOf('share-a', views)
        },
        { timeout: 10_000, interval: 50 },
      )
      .toBeGreaterThan(0.3)
    expect(failing([...before, ...during, ...after])).toBe(0)
  })

  test('is found well by one call, while a hundred others pass it by', async () => {
    moods.set('probe-a', ill)
    await calls('probe', 5, 1)
    const { retry_after_ms: restMs } = await standingOf(gateway.url, 'probe-a')
    expect(restMs).toBeGreaterThan(0)

    moods.set('probe-a', async (exchange) => {
      await exchange.wait(600)
      await well(exchange)
    })
    const asked = upstream.asked('probe-a').length
    await sleep(restMs + 50)
    const views = await calls('probe', 100, 100)
    expect(failing(views)).toBe(0)
    const [probe, ...others] = upstream.asked('probe-a').slice(asked)
    expect(others.filter(({ atMs }) => atMs < (probe?.answeredMs ?? 0))).toEqual([])
    expect(shareOf('probe-b', views)).toBeGreaterThan(0.5)

    // It has answered: everybody may come.
    expect(shareOf('probe-a', await calls('probe', 20))).toBe(1)
    expect(await standingOf(gateway.url, 'probe-a')).toMatchObject({ available: true, errors_in_a_row: 0 })
  })
})

describe('where more is ill than may stay ejected', () => {
  test('two of four go on being asked', async () => {
    for (const id of ['four-a', 'four-b', 'four-c', 'four-d']) moods.set(id, ill)
    const views = await calls('four', 100)
    for (const { status, headers, text } of views) {
      expect(status).toBe(502)
      expect(errorIn(text)).toMatchObject({ code: 'upstream_error' })
      expect(Number(headers.get('x-tollgate-attempts'))).toBeGreaterThanOrEqual(2)
    }
    // And whoever gets well answers at once.
    moods.delete('four-c')
    await expect.poll(async () => failing(await calls('four', 20)), { timeout: 5_000 }).toBe(0)
  })

  test('and nobody else is left, one asks at a time and the others are told when to come back', async () => {
    moods.set('out-b', refusals['429-date'])
    moods.set('out-a', ill)
    await calls('out', 5, 1)
    expect(await standingOf(gateway.url, 'out-b')).toMatchObject({ available: false, reason: 'limit' })
    moods.set('out-a', async (exchange) => {
      await exchange.wait(400)
      await ill(exchange)
    })
    await sleep(1_100)
    const asked = upstream.asked('out-a').length
    const views = await calls('out', 50, 50)
    expect(upstream.asked('out-a').length - asked).toBe(1)
    const turnedAway = views.filter(({ status }) => status === 503)
    expect(turnedAway).toHaveLength(49)
    for (const { headers, text } of turnedAway) {
      expect(errorIn(text)).toMatchObject({ code: 'no_healthy_connection' })
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(30)
    }
    expect(upstream.asked('out-b')).toHaveLength(1)
  })
})

test('a provider that asks for time gets it, however many ask', async () => {
  moods.set('limited', refusals['429-ms'])
  const [first] = await calls('limited', 1)
  expect(first?.status).toBe(429)
  const views = await calls('limited', 100)
  expect(views.every(({ status }) => status === 429)).toBe(true)
  expect(upstream.asked('limited')).toHaveLength(1)
  for (const { headers } of views) expect(Number(headers.get('retry-after-ms'))).toBeLessThanOrEqual(2_500)

  moods.delete('limited')
  await sleep((await standingOf(gateway.url, 'limited')).retry_after_ms + 20)
  // The first finds out, the others follow.
  expect(failing(await calls('limited', 1))).toBe(0)
  expect(failing(await calls('limited', 20))).toBe(0)
})

test('nothing is left under way', async () => {
  await expect.poll(async () => (await healthOf(gateway.url)).live_attempts, { timeout: 3_000 }).toBe(0)
})
