import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { providers } from '../providers/index.ts'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'
import { contentTypeOf, type DialectRecording, dialectRecordings, recordingsDir } from './recordings.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const database = testDatabase()
const { taken } = dialectRecordings()
let upstream: Upstream
let gateway: TestGateway

beforeAll(async () => {
  // Plays the recording whose number the path begins with.
  upstream = await startUpstream(({ path }, response) => {
    const recording = taken[Number(path.split('/')[1])]
    if (!recording) throw new Error(`no recording for ${path}`)
    response.writeHead(recording.status, { ...recording.headers, 'content-type': contentTypeOf(recording) })
    response.end(recording.body)
  })
  // One connection each, so that one that fails does not rest for the others; each known to clients by its id.
  gateway = await startGateway(database(), {
    connections: taken.map((recording, number) => ({
      ...localConnection(`r${number}`, new URL(`/${number}${basePathOf(recording)}`, upstream.url).href),
      provider: recording.provider,
      models: { [recording.id]: modelOf(recording) },
      ...(recording.apiVersion !== undefined && { api_version: recording.apiVersion }),
    })),
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

/** Where the provider's own base URL leads, below the address of the one who plays it. */
function basePathOf({ provider, path }: DialectRecording): string {
  const { baseUrl } = providers.get(provider) ?? {}
  if (baseUrl !== undefined) return new URL(baseUrl).pathname.replace(/\/$/, '')
  // One without an address of its own has the recorded one; of a resource with deployments, that is its root.
  return path
    .replace(/^<.*>/, '')
    .replace(/\/chat\/completions$/, '')
    .replace(/^\/?\/openai\/deployments\/.*/, '')
}

/** A deployment stands in the path, in the model's place. */
function modelOf({ path, request }: DialectRecording): string {
  return /\/deployments\/([^/]+)\//.exec(path)?.[1] ?? String(request?.['model'] ?? 'some-model')
}

const asking = {
  'openai-chat': { endpoint: 'chat/completions', request: { messages: [{ role: 'user', content: 'hello' }] } },
  'openai-completions': { endpoint: 'completions', request: { prompt: 'hello' } },
  'openai-embeddings': { endpoint: 'embeddings', request: { input: 'hello' } },
}

function ask(recording: DialectRecording, includeUsage: boolean): Promise<Response> {
  const { endpoint, request } = asking[recording.dialect]
  const { stream } = recording
  return fetch(`${gateway.url}/v1/${endpoint}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      ...request,
      ...recording.request,
      model: recording.id,
      ...(stream ? { stream, stream_options: { include_usage: includeUsage } } : { stream: undefined }),
    }),
  })
}

/** Providers that state usage unasked and refuse to be asked, or are of a version that does. */
function refusesToBeAsked({ provider, apiVersion = '' }: DialectRecording): boolean {
  return ['mistral', 'perplexity'].includes(provider) || apiVersion === '2024-02-01'
}

/** What was recorded at another door than the provider's documented one. */
const otherDoors: readonly string[] = [
  // Straight to one of the providers that it routes to.
  ...[
    'chat-tools-llama-4-scout-17b-16e-instruct',
    'chat-deepseek-r1',
    'chat-stream-no-include-usage-llama-3-1-8b-instruct',
  ].map((name) => `huggingface/${name}`),
  // The version in the path may be left out, or put there.
  ...['chat-gpt-3-5-turbo-0125', 'chat-stream-gpt-3-5-turbo'].map((name) => `litellm-proxy/${name}`),
  'deepseek/chat-stream-no-include-usage-deepseek-chat-2',
]

/** Holds an error in place of an answer, and one that another connection might not have. */
const instead = 'openai/chat-stream-mid-stream-error-no-done-sentinel-no-usage'

describe.skipIf(recordingsDir === undefined)('recorded exchanges through the gateway', () => {
  const answers = taken.filter(({ id, status }) => status < 400 && id !== instead)

  test.each(answers.map((recording) => [recording.id, recording] as const))(
    '%s: bytes as sent, row as stated',
    async (_, recording) => {
      const { expected } = recording
      const response = await ask(recording, true)
      const bytes = Buffer.from(await response.arrayBuffer())
      expect(bytes.toString()).toBe(recording.body.toString())
      expect(response.headers.get('content-type')).toBe(contentTypeOf(recording))
      const sent = upstream.seen.at(-1)
      const door = sent?.path.replace(/^\/\d+/, '').split('?')
      if (recording.host !== '' && !otherDoors.includes(recording.id)) {
        expect(`${door?.[0]}`).toBe(recording.path.replace(/^\/\//, '/'))
        expect(door?.[1]).toBe(recording.apiVersion && `api-version=${recording.apiVersion}`)
      }

      const [row] = await gateway.rowsOf(response)
      expect(row).toMatchObject({ requested_model: recording.id, provider: recording.provider })
      if (expected.usage_reported) {
        expect(row?.usage_source).toBe('provider')
        if (expected.accepted_input_tokens) expect(expected.accepted_input_tokens).toContain(row?.input_tokens)
        else expect(row?.input_tokens).toBe(expected.input_tokens)
        expect(row?.output_tokens).toBe(expected.output_tokens)
        expect(row?.total_tokens).toBe((row?.input_tokens ?? 0) + (row?.output_tokens ?? 0))
      } else if (!expected.error) expect(row?.usage_source).toBe('counted')
      expect(row?.success).toBe(expected.error === undefined)
    },
  )

  test.each(answers.filter(({ stream }) => stream).map((recording) => [recording.id, recording] as const))(
    '%s: usage is asked for, and only its own event taken out',
    async (_, recording) => {
      const response = await ask(recording, false)
      const text = await response.text()
      const sent = upstream.seen.at(-1)
      const asked = refusesToBeAsked(recording) ? undefined : { include_usage: true }
      expect(JSON.parse(sent?.body.toString() ?? '{}').stream_options).toEqual(asked)
      const kept = recording.body
        .toString()
        .split(/(?<=\n\n|\r\n\r\n)/)
        .filter((event) => !/"choices"\s*:\s*\[\s*\]/.test(event) || !/"usage"\s*:\s*\{/.test(event))
      expect(text).toBe(kept.join(''))
    },
  )

  test('errors keep what is the caller’s to know', async () => {
    for (const recording of taken.filter((each) => !answers.includes(each))) {
      const response = await ask(recording, true)
      const body = await response.text()
      if ([400, 404, 413, 422].includes(recording.status)) {
        expect(response.status, recording.id).toBe(recording.status)
        expect(body, recording.id).toBe(recording.body.toString())
      } else {
        expect([429, 502, 503], recording.id).toContain(response.status)
        const { error } = JSON.parse(body) as { error: Record<string, unknown> }
        expect(Object.keys(error), recording.id).toEqual(expect.arrayContaining(['message', 'type', 'param', 'code']))
        expect(body, recording.id).not.toContain('upstream-key')
      }
    }
  })
})
