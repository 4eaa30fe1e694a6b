import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../database.ts'
import { localConnection, startGateway, type TestGateway } from '../gateway.ts'
import { textFrom, well } from './answers.ts'
import { brokenAfterContent, brokenBeforeContent } from './broken-answers.ts'
import { type MisbehavingUpstream, startMisbehavingUpstream } from './misbehaving-upstream.ts'
import { refusals } from './refusals.ts'
import { type Sdk, sdkAt, sdkNames, streamed } from './sdks.ts'

/** What the users of client libraries see of the ways in which a provider misbehaves. */
const plays = { well, ...refusals, ...brokenBeforeContent, ...brokenAfterContent }

/** Their users see nothing of these where another connection can answer, and else a status; `0`: the stream breaks. */
const beforeContent = {
  '500': 502,
  '503': 502,
  '429-soon': 429,
  'quota-spent': 502,
  'reset-at-once': 502,
  silent: 504,
  'silent-after-preamble': 504,
  'preamble-reset': 502,
  'preamble-error': 502,
  'error-first': 502,
} as const
const afterContent = ['cut-closed', 'cut-reset', 'cut-in-an-event', 'no-end', 'error-after-content'] as const
const names = [...Object.keys(beforeContent), ...afterContent] as readonly (keyof typeof plays)[]

const database = testDatabase()
let upstream: MisbehavingUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startMisbehavingUpstream(plays)
  // A connection for each call: one that failed may rest.
  const connections = [...sdkNames, 'retrying'].flatMap((sdk) =>
    names.flatMap((name) =>
      ['stream', 'whole'].flatMap((mode) =>
        ['pair', 'alone'].map((company) => {
          const id = `${name}.${mode}.${company}.${sdk}`
          const timeouts = { first_byte_ms: 400, first_token_ms: 400, total_ms: 1_200 }
          return localConnection(id, upstream.at(name, id), {
            models: [modelOf(name, mode, company, sdk)],
            priority: 1,
            ...(name.startsWith('silent') && { timeouts }),
          })
        }),
      ),
    ),
  )
  const other = localConnection('other', upstream.at('well', 'other'), { models: ['*/pair/*'], priority: 2 })
  gateway = await startGateway(database(), { connections: [...connections, other] })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

function modelOf(name: string, mode: string, company: string, sdk: string): string {
  return `${name}/${mode}/${company}/${sdk}`
}

const sdkOf = (name: string, maxRetries?: number): Sdk => sdkAt(gateway.url, name, maxRetries)

describe.each(sdkNames)('%s', (sdkName) => {
  test.concurrent.each(Object.entries(beforeContent))(
    'sees nothing of %s where another answers, and alone %i',
    async (name, status) => {
      const sdk = sdkOf(sdkName)
      const [stream, whole, streamAlone, wholeAlone] = await Promise.all([
        streamed(sdk, modelOf(name, 'stream', 'pair', sdkName)),
        sdk.whole(modelOf(name, 'whole', 'pair', sdkName)),
        streamed(sdk, modelOf(name, 'stream', 'alone', sdkName)),
        sdk.whole(modelOf(name, 'whole', 'alone', sdkName)).catch((error: unknown) => error),
      ])
      expect(stream).toEqual({ text: textFrom('other'), error: undefined })
      expect(whole).toBe(textFrom('other'))
      expect(streamAlone.text).toBe('')
      expect(sdk.statusOf(streamAlone.error)).toBe(status)
      expect(sdk.statusOf(wholeAlone)).toBe(status)
    },
  )

  test.concurrent.each(afterContent)('is told that a stream broke: %s', async (name) => {
    const sdk = sdkOf(sdkName)
    for (const company of ['pair', 'alone']) {
      const model = modelOf(name, 'stream', company, sdkName)
      const { text, error } = await streamed(sdk, model)
      expect(error, `${sdkName} took ${JSON.stringify(text)} for whole`).toBeDefined()
      expect(text).toMatch(/^Hi from /)
      expect(text).not.toContain('other')
    }
    expect(await sdk.whole(modelOf(name, 'whole', 'pair', sdkName))).toBe(textFrom('other'))
  })
})

describe('the openai SDK’s own retries', () => {
  test.concurrent.each([
    // Two more by itself, after which the connection has failed three times in a row.
    ['500', 3],
    // The wait that it is told is the one that it makes, and by then the connection may be asked again.
    ['429-soon', 3],
    // Nothing that waiting would mend.
    ['quota-spent', 1],
  ] as const)('after %s ask the provider %i times', async (name, times) => {
    await expect(sdkOf('openai', 2).whole(modelOf(name, 'whole', 'alone', 'retrying'))).rejects.toThrow()
    expect(upstream.asked(`${name}.whole.alone.retrying`)).toHaveLength(times)
  })
})
