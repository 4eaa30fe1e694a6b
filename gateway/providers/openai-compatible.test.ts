import { describe, expect, test } from 'vitest'
import { callOf, candidateOf } from './call.fixture.ts'
import { openaiCompatible } from './openai-compatible.ts'

const adapter = openaiCompatible({ id: 'any' })
const asking = '{"model":"m","messages":[{}]}'

describe('a request to a provider', () => {
  test('is the client’s own bytes where nothing has to change', () => {
    const asked = callOf('{ "model":"m",  "messages":[{}] }')
    const { path, headers, body } = adapter.rewrite(asked, candidateOf('m', { apiKey: 'key' }))
    expect(path).toBe('/v1/chat/completions')
    expect(headers['authorization']).toBe('Bearer key')
    expect(body).toBe(asked.body.bytes)
  })

  test('goes where the base URL says, and without a credential where there is none', () => {
    for (const [baseUrl, path] of [
      ['http://localhost:11434/v1', '/v1/chat/completions'],
      ['https://x.com', '/chat/completions'],
      ['https://x.com/a/b', '/a/b/chat/completions'],
    ] as const) {
      const request = adapter.rewrite(callOf(asking), candidateOf('m', { baseUrl }))
      expect(request.path).toBe(path)
      expect(request.headers).not.toHaveProperty('authorization')
    }
  })

  test('goes to the endpoint of its dialect', () => {
    const to = candidateOf('m', {})
    expect(adapter.rewrite(callOf('{"model":"m","prompt":"x"}', 'openai-completions'), to).path).toBe('/v1/completions')
    expect(adapter.rewrite(callOf('{"model":"m","input":"x"}', 'openai-embeddings'), to).path).toBe('/v1/embeddings')
  })

  test('carries the connection’s own headers, each once, and none instead of the credential', () => {
    const headers = { 'OpenAI-Organization': 'org-1', 'User-Agent': 'acme/1' }
    const sent = adapter.rewrite(callOf(asking), candidateOf('m', { apiKey: 'key', headers })).headers
    expect(sent).toMatchObject({ 'openai-organization': 'org-1', 'user-agent': 'acme/1', authorization: 'Bearer key' })
    expect(new Set(Object.keys(sent).map((name) => name.toLowerCase())).size).toBe(Object.keys(sent).length)
  })

  test.each(['openai-chat', 'openai-completions'] as const)(
    'names the upstream’s model, and asks a stream for its usage, keeping the client’s other options: %s',
    (dialect) => {
      const before = '"stream":true,"stream_options":{"include_obfuscation":false},"messages":[{}],"prompt":"x"}'
      const { body } = adapter.rewrite(callOf(`{"model":"fast",${before}`, dialect), candidateOf('gpt-4o', {}))
      expect(Buffer.from(body).toString()).toBe(
        `{"model":"gpt-4o",${before.replace('false}', 'false,"include_usage":true}')}`,
      )
    },
  )

  test('asks no stream for its usage where the provider refuses to be asked, and passes no such wish on', () => {
    const unasked = openaiCompatible({ id: 'any', streamOptions: () => false })
    const sent = (text: string) => Buffer.from(unasked.rewrite(callOf(text), candidateOf('m', {})).body).toString()
    expect(sent('{"model":"m","stream":true,"messages":[{}]}')).toBe('{"model":"m","stream":true,"messages":[{}]}')
    expect(sent('{"stream_options":{"include_usage":true}, "model":"m","stream":true,"messages":[{}]}')).toBe(
      '{ "model":"m","stream":true,"messages":[{}]}',
    )
  })
})

describe('the meter of an answer', () => {
  const stream = { status: 200, headers: { 'content-type': 'text/event-stream' } }

  test('of a plain completion reads its texts, and holds back the usage that the client did not ask for', () => {
    const chunk = (text: string, finish: string | null) =>
      `data: {"object":"text_completion","choices":[{"text":${JSON.stringify(text)},"index":0,"finish_reason":${JSON.stringify(finish)}}],"usage":null}\n\n`
    const events = [chunk('', null), chunk('one', null), chunk(' two', 'stop')]
    const usage =
      'data: {"object":"text_completion","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
    const call = callOf('{"model":"m","prompt":"x","stream":true}', 'openai-completions')
    const meter = adapter.meter(call, stream)
    expect(meter.write(Buffer.from(events[0] ?? ''))?.toString()).toBe(events[0])
    expect(meter.began).toBe(false)
    expect(meter.write(Buffer.from(events[1] ?? ''))?.toString()).toBe(events[1])
    expect(meter.began).toBe(true)
    expect(meter.write(Buffer.from(`${events[2]}${usage}data: [DONE]\n\n`))?.toString()).toBe(events[2])
    expect(meter.reading()).toMatchObject({ source: 'provider', usage: { input: 3, output: 2 }, finish: 'stop' })
    const unstated = adapter.meter(call, stream)
    unstated.write(Buffer.from(events.join('')))
    expect(unstated.reading()).toMatchObject({ source: 'none', said: 'one two' })
  })

  test('of a stream that came as one body reads the body', () => {
    const meter = adapter.meter(callOf('{"model":"m","stream":true,"messages":[{}]}'), { status: 200, headers: {} })
    meter.write(Buffer.from('\n  {"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'))
    expect(meter.streamed).toBe(false)
    expect(meter.reading()).toMatchObject({ source: 'none', said: 'hi', finish: 'stop' })
  })
})
