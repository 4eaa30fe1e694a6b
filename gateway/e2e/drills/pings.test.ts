import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../database.ts'
import { localConnection, startGateway, type TestGateway } from '../gateway.ts'
import { doneEvent } from '../upstream.ts'
import { streamFrom, textFrom, well, wholeFrom } from './answers.ts'
import { type MisbehavingUpstream, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { ask, errorIn, type View } from './raw-client.ts'
import { type Streamed, sdkAt, sdkNames, streamed } from './sdks.ts'
import { slowAnswers } from './slow-answers.ts'

/** Streams of providers that fall silent: the client is kept awake, and what follows is as if it had not been. */
const plays = { well, ...slowAnswers }
const names = Object.keys(slowAnswers) as readonly (keyof typeof slowAnswers)[]
const ping = ': ping\n\n'

const database = testDatabase()
let upstream: MisbehavingUpstream
let gateway: TestGateway
/** Each was asked before the first test, since they all take their time. */
const views = new Map<string, Promise<View>>()
const streams = new Map<string, Promise<Streamed>>()

beforeAll(async () => {
  upstream = await startMisbehavingUpstream(plays)
  const connections = names.flatMap((name) =>
    ['pair', 'alone'].map((company) => {
      const id = `${name}.${company}`
      return localConnection(id, upstream.at(name, id), { models: [`${name}/${company}`], priority: 1 })
    }),
  )
  const other = localConnection('other', upstream.at('well', 'other'), { models: ['*/pair'], priority: 2 })
  // Silence is looked for once a second, so a ping comes one to two seconds after a word, and one every second after.
  gateway = await startGateway(database(), { connections: [...connections, other], settings: { ping_after_ms: 500 } })
  for (const name of names) {
    for (const model of name === 'endless' ? [] : [`${name}/pair`, `${name}/alone`]) {
      views.set(model, ask(gateway.url, { model, stream: model !== 'late-whole/alone' }))
    }
  }
  for (const sdk of sdkNames) {
    for (const model of ['preamble-late-reset/pair', 'late-500/alone']) {
      streams.set(`${sdk} ${model}`, streamed(sdkAt(gateway.url, sdk), model))
    }
  }
})

afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

function viewOf(model: string): Promise<View> {
  const view = views.get(model)
  if (!view) throw new Error(`nobody asked for ${model}`)
  return view
}

/** Pings, and what is left without them: each stood between two events, or the rest would not be what it is. */
function withoutPings(text: string): { readonly pings: number; readonly rest: string } {
  const pieces = text.split(ping)
  for (const piece of pieces) expect(piece === '' || piece.endsWith('\n\n'), piece).toBe(true)
  return { pings: pieces.length - 1, rest: pieces.join('') }
}

describe('a silent provider', () => {
  test.each(['late-head', 'late-content', 'pause'] as const)(
    '%s: the client hears of us, and then the answer',
    async (name) => {
      const view = await viewOf(`${name}/alone`)
      expect(view).toMatchObject({ status: 200, whole: true })
      expect(view.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
      const { pings, rest } = withoutPings(view.text)
      expect(pings).toBeGreaterThanOrEqual(2)
      expect(pings).toBeLessThanOrEqual(3)
      expect(rest).toBe(streamFrom(`${name}.alone`))
      expect(await gateway.rowsOf(view)).toMatchObject([
        { status: 'complete', success: true, usage_source: 'provider' },
      ])
    },
  )

  test('that falls silent in an event has no ping put into it', async () => {
    const name = 'pause-in-an-event'
    const view = await viewOf(`${name}/alone`)
    const { pings, rest } = withoutPings(view.text)
    expect(pings).toBeGreaterThanOrEqual(2)
    expect(rest).toBe(upstream.asked(`${name}.alone`)[0]?.said)
  })

  test.each(['late-500', 'late-reset', 'preamble-late-reset'] as const)(
    '%s: another still answers, and alone the stream ends in an error event',
    async (name) => {
      const view = await viewOf(`${name}/pair`)
      const { pings, rest } = withoutPings(view.text)
      expect(pings).toBeGreaterThanOrEqual(2)
      expect(rest).toBe(streamFrom('other'))
      // They went out before anybody knew who would answer.
      expect(view.headers.get('x-tollgate-attempts')).toBeNull()
      expect(view.headers.get('x-tollgate-connection')).toBeNull()
      expect(await gateway.rowsOf(view)).toMatchObject([
        { attempt: 1, connection_id: `${name}.pair`, status: 'failed' },
        { attempt: 2, connection_id: 'other', status: 'complete' },
      ])

      const alone = await viewOf(`${name}/alone`)
      expect(alone).toMatchObject({ status: 200, whole: true })
      const told = withoutPings(alone.text)
      expect(told.pings).toBeGreaterThanOrEqual(2)
      expect(told.rest).not.toContain(doneEvent)
      expect(errorIn(told.rest)).toMatchObject({
        message: expect.any(String),
        type: 'server_error',
        param: null,
        code: 'upstream_error',
      })
      expect(told.rest.match(/^data:/gm)).toHaveLength(1)
      expect(await gateway.rowsOf(alone)).toMatchObject([{ status: 'failed', success: false }])
    },
  )

  test('late-400: the refusal comes as an event, in the provider’s words', async () => {
    const view = await viewOf('late-400/pair')
    const { rest } = withoutPings(view.text)
    expect(errorIn(rest)).toMatchObject({ message: 'Too long.', type: 'invalid_request_error', code: 'too_long' })
    expect(rest).not.toContain(doneEvent)
    expect(await gateway.rowsOf(view)).toMatchObject([{ attempt: 1, http_status: 400, error_code: 'too_long' }])
  })

  test('late-whole: a body cannot follow pings, so another answers', async () => {
    const view = await viewOf('late-whole/pair')
    expect(withoutPings(view.text).rest).toBe(streamFrom('other'))
  })

  test('pause-reset: after content nobody else answers', async () => {
    const view = await viewOf('pause-reset/pair')
    const { pings, rest } = withoutPings(view.text)
    expect(pings).toBeGreaterThanOrEqual(2)
    expect(errorIn(rest)).toMatchObject({ code: 'upstream_stream_truncated' })
    expect(rest).not.toContain(doneEvent)
    expect(rest).not.toContain(textFrom('other'))
  })

  test('a whole answer is waited for in silence', async () => {
    const view = await viewOf('late-whole/alone')
    expect(view).toMatchObject({ status: 200, whole: true, text: wholeFrom('late-whole.alone') })
  })
})

describe.each(sdkNames)('%s', (sdk) => {
  test('reads one clean answer through pings and a failover', async () => {
    const stream = await streams.get(`${sdk} preamble-late-reset/pair`)
    expect(stream).toEqual({ text: textFrom('other'), error: undefined })
  })

  test('is told of a failure after pings', async () => {
    const stream = await streams.get(`${sdk} late-500/alone`)
    expect(stream).toMatchObject({ text: '', error: expect.any(Error) })
  })
})
