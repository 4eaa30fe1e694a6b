import { describe, expect, test } from 'vitest'
import { readJsonBody } from '../dialects/json-body.ts'
import { readChatRequest } from '../dialects/openai-chat/request.ts'
import type { Call } from '../domain/call.ts'
import type { Candidate, Connection } from '../domain/connection.ts'
import { openaiCompatible } from './openai-compatible.ts'
import type { UpstreamFailure } from './provider.ts'
import { retryAfterMs } from './retry-after.ts'

const adapter = openaiCompatible({ id: 'any' })
const at = Date.parse('2026-11-22T10:00:00Z')

const to = (baseUrl: string, model: string, apiKey?: string): Candidate => {
  // Only what an adapter may look at.
  const connection: Pick<Connection, 'baseUrl' | 'apiKey'> = { baseUrl, apiKey }
  return { connection: connection as Connection, model, rank: 0 }
}

function call(text: string): Call {
  const body = readJsonBody(Buffer.from(text))
  const seen: Pick<Call, 'dialect' | 'asked' | 'body' | 'usageMember'> = {
    dialect: 'openai-chat',
    asked: readChatRequest(body),
    body,
    usageMember: false,
  }
  return seen as Call
}

describe('a request to a provider', () => {
  test('is the client’s own bytes where nothing has to change', () => {
    const asked = call('{ "model":"m",  "messages":[{}] }')
    const { path, headers, body } = adapter.rewrite(asked, to('https://api.x.com/v1', 'm', 'key'))
    expect(path).toBe('/v1/chat/completions')
    expect(headers['authorization']).toBe('Bearer key')
    expect(body).toBe(asked.body.bytes)
  })

  test('goes where the base URL says, and without a credential where there is none', () => {
    for (const [base, path] of [
      ['http://localhost:11434/v1', '/v1/chat/completions'],
      ['https://x.com', '/chat/completions'],
      ['https://x.com/a/b', '/a/b/chat/completions'],
    ] as const) {
      const request = adapter.rewrite(call('{"model":"m","messages":[{}]}'), to(base, 'm'))
      expect(request.path).toBe(path)
      expect(request.headers).not.toHaveProperty('authorization')
    }
  })

  test('names the upstream’s model, and asks a stream for its usage, keeping the client’s other options', () => {
    const { body } = adapter.rewrite(
      call('{"model":"fast","stream":true,"stream_options":{"include_obfuscation":false},"messages":[{}]}'),
      to('https://x.com', 'gpt-4o'),
    )
    expect(Buffer.from(body).toString()).toBe(
      '{"model":"gpt-4o","stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true},"messages":[{}]}',
    )
  })
})

describe('a failure', () => {
  const answer = (status: number, body = '{}', headers: Record<string, string> = {}): UpstreamFailure => ({
    kind: 'answer',
    head: { status, headers },
    body: Buffer.from(body),
    at,
  })

  test.each([
    ['no socket', { kind: 'connect', cause: undefined }, { fault: 'connection', failover: true }],
    ['a dead socket', { kind: 'reset', cause: undefined }, { fault: 'connection', failover: true }],
    ['silence', { kind: 'timeout', cause: undefined }, { fault: 'connection', failover: true }],
    ['400', answer(400), { fault: 'caller', failover: false }],
    ['404', answer(404), { fault: 'caller', failover: false }],
    ['401', answer(401), { fault: 'credential', failover: true }],
    ['402', answer(402), { fault: 'credential', failover: true }],
    ['a redirect', answer(302), { fault: 'connection', failover: true }],
    ['500', answer(500), { fault: 'connection', failover: true }],
    [
      '503 with a wait',
      answer(503, '', { 'retry-after': '3' }),
      { fault: 'connection', failover: true, cooldownMs: 3000 },
    ],
    ['429', answer(429), { fault: 'limit', failover: true }],
    [
      '429 with a wait',
      answer(429, '{}', { 'retry-after-ms': '1574' }),
      { fault: 'limit', failover: true, cooldownMs: 1574 },
    ],
    [
      '429 of an empty account',
      answer(429, '{"error":{"code":"insufficient_quota"}}'),
      { fault: 'credential', failover: true },
    ],
  ] as const)('by %s is told whose it is', (_, failure, verdict) => {
    expect(adapter.classify(failure)).toEqual(verdict)
  })
})

describe('the wait that a provider asks for', () => {
  test.each([
    ['12', 12_000],
    ['0', 0],
    ['-5', 0],
    ['1.5', 1_500],
    ['99999', 600_000],
    ['Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
    ['soon', undefined],
    ['2026-11-22', undefined],
    ['', undefined],
  ])('retry-after: %s', (header, ms) => {
    expect(retryAfterMs({ 'retry-after': header }, at)).toBe(ms)
  })

  test('in milliseconds comes first', () => {
    expect(retryAfterMs({ 'retry-after-ms': '250', 'retry-after': '9' }, at)).toBe(250)
  })
})
