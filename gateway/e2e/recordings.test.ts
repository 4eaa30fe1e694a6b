import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'
import { openaiRecordings, type Recording, recordingsDir } from './recordings.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const database = testDatabase()
const { taken } = openaiRecordings()
let upstream: Upstream
let gateway: TestGateway

/** Plays the recording that the model names. */
const byModel = new Map(taken.map((recording) => [recording.id, recording]))

beforeAll(async () => {
  upstream = await startUpstream(({ body }, response) => {
    const { model } = JSON.parse(body.toString()) as { model: string }
    const recording = byModel.get(model)
    if (!recording) throw new Error(`no recording ${model}`)
    response.writeHead(recording.status, { ...recording.headers, 'content-type': contentTypeOf(recording) })
    response.end(recording.body)
  })
  // Each under its own id as the model's name, one connection each: one that fails must not rest for the others.
  gateway = await startGateway(database(), {
    connections: taken.map((recording, index) =>
      localConnection(`r${index}`, upstream.url, { models: [recording.id] }),
    ),
  })
})
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

function contentTypeOf({ headers, stream }: Recording): string {
  return headers['content-type'] ?? (stream ? 'text/event-stream' : 'application/json')
}

function ask(recording: Recording, includeUsage: boolean): Promise<Response> {
  const embeddings = recording.api === 'embeddings'
  const request = embeddings
    ? { input: 'hello', ...recording.request, model: recording.id }
    : {
        messages: [{ role: 'user', content: 'hello' }],
        ...recording.request,
        model: recording.id,
        stream: recording.stream,
        ...(recording.stream && { stream_options: { include_usage: includeUsage } }),
      }
  return fetch(`${gateway.url}/v1/${embeddings ? 'embeddings' : 'chat/completions'}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  })
}

describe.skipIf(recordingsDir === undefined)('recorded exchanges through the gateway', () => {
  const answers = taken.filter(({ status }) => status < 400)

  test.each(answers.map((recording) => [recording.id, recording] as const))(
    '%s: bytes as sent, row as stated',
    async (_, recording) => {
      const { expected } = recording
      const response = await ask(recording, true)
      const bytes = Buffer.from(await response.arrayBuffer())
      expect(bytes.toString()).toBe(recording.body.toString())
      expect(response.headers.get('content-type')).toBe(contentTypeOf(recording))

      const [row] = await gateway.rowsOf(response)
      expect(row?.requested_model).toBe(recording.id)
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
      expect(JSON.parse(sent?.body.toString() ?? '{}').stream_options).toEqual({ include_usage: true })
      const kept = recording.body
        .toString()
        .split(/(?<=\n\n|\r\n\r\n)/)
        .filter((event) => !/"choices"\s*:\s*\[\s*\]/.test(event) || !/"usage"\s*:\s*\{/.test(event))
      expect(text).toBe(kept.join(''))
    },
  )

  test('errors keep what is the caller’s to know', async () => {
    for (const recording of taken.filter(({ status }) => status >= 400)) {
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
