import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../database.ts'
import { localConnection, startGateway, type TestGateway } from '../gateway.ts'
import { well } from './answers.ts'
import { askMany } from './lanes.ts'
import { type MisbehavingUpstream, type Play, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { errorIn, type View } from './raw-client.ts'
import { refusals } from './refusals.ts'

/** Limits of providers that were told to the gateway: it goes elsewhere before it meets them. */
const tooMany = refusals['429-seconds']
const minuteMs = 60_000

/** A provider that keeps to its limit by its own count. */
function sixtyAMinute(): Play {
  const times: number[] = []
  return (exchange) => {
    const now = performance.now()
    while (times[0] !== undefined && times[0] <= now - minuteMs) times.shift()
    times.push(now)
    return times.length > 60 ? tooMany(exchange) : well(exchange)
  }
}

function fiveAtATime(): Play {
  let now = 0
  return async (exchange) => {
    now++
    await exchange.wait(20)
    // Before the answer is out: who has it may call again at once.
    const refused = now > 5
    now--
    await (refused ? tooMany(exchange) : well(exchange))
  }
}

const plays = { well, 'sixty-a-minute': sixtyAMinute(), 'five-at-a-time': fiveAtATime() }
const database = testDatabase()
let upstream: MisbehavingUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startMisbehavingUpstream(plays)
  const of = (id: string, play: keyof typeof plays, model: string, priority: number, limits?: Record<string, number>) =>
    localConnection(id, upstream.at(play, id), { models: [model], priority, ...(limits && { limits }) })
  gateway = await startGateway(database(), {
    connections: [
      of('sixty', 'sixty-a-minute', 'calls', 1, { rpm: 60 }),
      of('calls-more', 'well', 'calls', 2),
      of('five', 'five-at-a-time', 'places', 1, { concurrency: 5 }),
      of('places-more', 'well', 'places', 2),
      of('twenty', 'well', 'scarce', 1, { rpm: 20 }),
      of('ten', 'well', 'scarce', 1, { rpm: 10 }),
    ],
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

function calls(model: string, count: number, lanes: number): Promise<readonly View[]> {
  return askMany(gateway.url, { model }, count, lanes)
}

const by = (connection: string, views: readonly View[]): number =>
  views.filter(({ headers }) => headers.get('x-tollgate-connection') === connection).length

test('600 calls at once: all are answered, and no provider had to refuse one', async () => {
  const views = await calls('calls', 600, 600)
  expect(views.filter(({ status }) => status !== 200)).toEqual([])
  expect(upstream.asked('sixty').length).toBeLessThanOrEqual(60)
  expect(upstream.asked('sixty').length).toBeGreaterThanOrEqual(57)
  expect(by('sixty', views)).toBe(upstream.asked('sixty').length)
  expect(views.every(({ headers }) => headers.get('x-tollgate-attempts') === '1')).toBe(true)
})

test('a provider of five places is never asked for a sixth', async () => {
  const views = await calls('places', 300, 30)
  expect(views.filter(({ status }) => status !== 200)).toEqual([])
  expect(by('five', views)).toBe(upstream.asked('five').length)
  expect(by('five', views)).toBeGreaterThan(30)
})

test('where all are at their limits, the client is told when the first of them is not', async () => {
  const views = await calls('scarce', 40, 10)
  expect(views.filter(({ status }) => status === 200)).toHaveLength(30)
  expect([by('twenty', views), by('ten', views)]).toEqual([20, 10])
  const refused = views.filter(({ status }) => status === 429)
  expect(refused).toHaveLength(10)
  for (const { headers, text } of refused) {
    expect(errorIn(text)).toMatchObject({ code: 'upstream_rate_limited' })
    const seconds = Number(headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(30)
    // A sliding window may take a sub-bucket of 2 s longer than the true one.
    expect(seconds).toBeLessThanOrEqual(62)
  }
})
