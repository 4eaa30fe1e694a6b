import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../database.ts'
import { localConnection, startGateway, type TestGateway } from '../gateway.ts'
import { wholeFrom } from './answers.ts'
import { deadWhenReused } from './broken-answers.ts'
import { askMany } from './lanes.ts'
import { type MisbehavingUpstream, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { oddAnswers } from './odd-answers.ts'
import { ask } from './raw-client.ts'
import { standingOf } from './standings.ts'

/**
 * Sockets that were kept for the next request, and die just as it is on its way. Nobody can tell whether the provider
 * has read it, so it is sent again once, on a new socket of the same connection, unless the settings forbid that.
 */
const torture = process.env['TOLLGATE_TORTURE'] === '1'
const calls = torture ? 10_000 : 200
const plays = ['reset-when-reused', 'closed-when-reused'] as const

const database = testDatabase()
let upstream: MisbehavingUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startMisbehavingUpstream({
    ...deadWhenReused,
    'more-than-the-length': oddAnswers['more-than-the-length'],
  })
  const connections = plays.flatMap((play) =>
    [true, false].map((again) =>
      localConnection(`${play}.${again}`, upstream.at(play, `${play}.${again}`), {
        models: [`${play}/${again}`],
        retry_ambiguous: again,
      }),
    ),
  )
  const more = localConnection('more', upstream.at('more-than-the-length', 'more'), { models: ['more'] })
  gateway = await startGateway(database(), { connections: [...connections, more] })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

describe.each(plays)('%s', (play) => {
  test('is met by sending again, which both rows tell', async () => {
    const model = `${play}/true`
    const first = await ask(gateway.url, { model })
    expect(first.status).toBe(200)
    const second = await ask(gateway.url, { model, stream: true })
    expect(second).toMatchObject({ status: 200, whole: true })
    expect(second.headers.get('x-tollgate-attempts')).toBe('2')
    const connection = { connection_id: `${play}.true` }
    expect(await gateway.rowsOf(second)).toMatchObject([
      {
        ...connection,
        attempt: 1,
        status: 'failed',
        error_code: 'connection_reset',
        flags: ['default_price', 'maybe_billed'],
      },
      { ...connection, attempt: 2, status: 'complete', success: true, flags: [] },
    ])
  })

  test(`${calls} times hurts no client and nobody's good name`, { timeout: torture ? 600_000 : 30_000 }, async () => {
    const model = `${play}/true`
    const views = await askMany(gateway.url, { model }, calls, 10)
    expect(views.filter(({ status, whole }) => status !== 200 || !whole)).toEqual([])
    expect(upstream.asked(`${play}.true`).filter(({ turn }) => turn > 0).length).toBeGreaterThan(calls / 4)
    expect(await standingOf(gateway.url, `${play}.true`)).toMatchObject({ health: 'healthy', available: true })
  })

  test('is told to the client where nothing may be asked twice', async () => {
    const model = `${play}/false`
    const views = []
    for (let call = 0; call < 4; call++) views.push(await ask(gateway.url, { model }))
    expect(views.map(({ status }) => status)).toEqual([200, 502, 200, 502])
    expect(upstream.asked(`${play}.false`)).toHaveLength(4)
  })
})

test('what comes behind an answer is in nobody’s answer', async () => {
  for (let call = 0; call < 10; call++) {
    const view = await ask(gateway.url, { model: 'more' })
    expect(view).toMatchObject({ status: 200, whole: true, text: wholeFrom('more') })
  }
  expect(upstream.asked('more')).toHaveLength(10)
})
