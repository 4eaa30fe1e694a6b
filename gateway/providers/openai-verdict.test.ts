import { describe, expect, test } from 'vitest'
import { dialectRecordings, recordingsDir } from '../e2e/recordings.ts'
import { providers } from './index.ts'
import { classifyOpenai } from './openai-verdict.ts'
import type { UpstreamFailure } from './provider.ts'

const at = Date.parse('2026-11-22T10:00:00Z')

const answer = (status: number, body: unknown = {}, headers: Record<string, string> = {}): UpstreamFailure => ({
  kind: 'answer',
  head: { status, headers },
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  at,
})
const error = (fields: object) => ({ error: { message: 'something', ...fields } })
const coded = (code: unknown) => error({ code })

const caller = { fault: 'caller', failover: false }
const elsewhere = { fault: 'caller', failover: true }
const connection = { fault: 'connection', failover: true }
const credential = { fault: 'credential', failover: true }
const limit = { fault: 'limit', failover: true }

describe('a failure is told whose it is', () => {
  test.each([
    ['no socket', { kind: 'connect', cause: undefined }, connection],
    ['a dead socket', { kind: 'reset', cause: undefined }, connection],
    ['silence', { kind: 'timeout', cause: undefined }, connection],
    ...[400, 406, 413, 415, 418, 422].map((status) => [`${status}`, answer(status), caller] as const),
    // What one does not have another may.
    ...[404, 405, 410, 501].map((status) => [`${status}`, answer(status), elsewhere] as const),
    ...[401, 402].map((status) => [`${status}`, answer(status), credential] as const),
    ...[301, 302, 408, 409, 424, 425, 500, 502, 503, 504, 520, 529].map(
      (status) => [`${status}`, answer(status), connection] as const,
    ),
    ['429', answer(429), limit],
    ['no JSON', answer(429, '<html>'), limit],
  ] as const)('by %s', (_, failure, verdict) => {
    expect(classifyOpenai(failure)).toEqual(verdict)
  })

  test.each([
    ['429 of an empty account', 429, coded('insufficient_quota'), credential],
    ['429 of an empty account, by type', 429, error({ type: 'insufficient_quota', code: null }), credential],
    ['429 of an empty account, in Moonshot’s word', 429, error({ type: 'exceeded_current_quota_error' }), credential],
    ['400 of a closed account', 400, coded('billing_hard_limit_reached'), credential],
    ['400 about the model', 400, error({ param: 'model', code: null }), elsewhere],
    ['400 about the model, by code', 400, coded('model_decommissioned'), elsewhere],
    ['400 about the model, by type', 400, error({ type: 'invalid_model', code: '1500' }), elsewhere],
    ['400 about the prompt', 400, error({ param: 'prompt', code: 'content_filter' }), caller],
    ['403 about the model', 403, coded('model_not_found'), elsewhere],
    ['403 about what was said', 403, coded('content_policy_violation'), caller],
    ['403 about what the key may', 403, coded('permission_denied'), credential],
    ['403 about a parameter', 403, error({ type: 'invalid_request_error', message: 'no logprobs' }), elsewhere],
    ['403 of a firewall', 403, undefined, elsewhere],
    ['403 about where we are', 403, coded('unsupported_country_region_territory'), credential],
    [
      '429 of a request above the limit',
      429,
      error({
        code: 'rate_limit_exceeded',
        message:
          'Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 42288.',
      }),
      caller,
    ],
    [
      '429 of a request above the limit, by its numbers',
      429,
      error({
        type: 'tokens',
        message: 'Rate limit reached on tokens per min (TPM): Limit 6000, Used 10, Requested 9124.',
      }),
      caller,
    ],
    [
      '413 of a request above the limit',
      413,
      error({
        type: 'tokens',
        code: 'rate_limit_exceeded',
        message: 'Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9124',
      }),
      caller,
    ],
    // What a provider quotes is somebody's text.
    [
      '400 that quotes a request',
      400,
      error({ message: "Invalid value: 'insufficient_quota Incorrect API key provided'" }),
      caller,
    ],
  ] as const)('by %s', (_, status, body, verdict) => {
    expect(classifyOpenai(answer(status, body))).toEqual(verdict)
  })
})

describe('an error in an answer that began with 200 is told as if it had come before', () => {
  test.each([
    ['Azure’s filter', error({ code: 'content_filter', status: 400, param: 'prompt' }), caller],
    ['Azure’s filter without a number', coded('content_filter'), caller],
    ['vLLM’s 400', error({ type: 'BadRequestError', code: 400 }), caller],
    ['vLLM’s 400, as the body itself', { object: 'error', message: 'x', type: 'BadRequestError', code: 400 }, caller],
    ['Groq’s number', error({ type: 'invalid_request_error', code: 'tool_use_failed', status_code: 400 }), caller],
    ['OpenRouter’s number', coded(502), connection],
    ['a number in a text', coded('503'), connection],
    ['too much at once', coded(429), limit],
    ['too much at once, in words', coded('rate_limit_exceeded'), limit],
    ['too much at once, in Google’s', error({ status: 'RESOURCE_EXHAUSTED' }), limit],
    ['an empty account', coded('insufficient_quota'), credential],
    ['an empty account, by its number', coded(402), credential],
    ['a wrong key', error({ type: 'authentication_error', code: 'invalid_api_key' }), credential],
    ['the server', error({ type: 'server_error', code: null }), connection],
    ['overload', error({ type: 'overloaded_error' }), connection],
    ['too long a context', error({ type: 'invalid_request_error', code: 'context_length_exceeded' }), caller],
    ['an unknown model', error({ type: 'invalid_request_error', code: 'model_not_found' }), elsewhere],
    ['a text alone', { error: 'upstream went away' }, connection],
    ['a word that nobody knows', coded('gremlins'), connection],
    ['no error at all', { choices: [] }, connection],
  ])('by %s', (_, body, verdict) => {
    expect(classifyOpenai(answer(200, body, { 'retry-after': '30' }))).toEqual(verdict)
  })
})

describe('what a provider means otherwise', () => {
  const suspended = 'Account acme is suspended, possibly due to reaching the monthly spending limit'
  test.each([
    ['xai', 400, { code: 'invalid-argument', error: 'Incorrect API key provided. You can obtain …' }, credential],
    ['xai', 429, { error: 'Your team 16f2 has either used all available credits or reached its …' }, credential],
    ['xai', 400, { code: 'invalid-argument', error: 'Say: Incorrect API key provided' }, caller],
    ['gemini', 400, [error({ status: 'INVALID_ARGUMENT', details: [{ reason: 'API_KEY_INVALID' }] })], credential],
    ['gemini', 400, [error({ status: 'INVALID_ARGUMENT', details: [{ reason: 'OTHER' }] })], caller],
    ['zai', 429, coded('1113'), credential],
    ['zai', 429, coded('1302'), limit],
    ['alibaba', 400, error({ code: 'Arrearage', type: 'Arrearage' }), credential],
    ['fireworks', 412, error({ message: suspended }), credential],
    ['fireworks', 412, error({ message: 'the adapter failed to load' }), caller],
    ['deepseek', 400, error({ message: 'Model Not Exist', code: 'invalid_request_error' }), elsewhere],
    ['openrouter', 403, error({ code: 403, metadata: { reasons: ['hate'], flagged_input: '…' } }), caller],
    ['openrouter', 403, coded(403), elsewhere],
    ['groq', 498, error({ message: 'flex capacity exceeded' }), limit],
    ['xai', 403, { code: 'The caller does not have permission', error: 'Content violates usage guidelines.' }, caller],
    ['openrouter', 400, error({ code: 400, message: 'acme/x is not a valid model ID' }), elsewhere],
    [
      'openrouter',
      429,
      error({
        code: 429,
        metadata: {
          headers: { 'X-RateLimit-Limit': '20', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': `${at + 21_000}` },
        },
      }),
      { ...limit, cooldownMs: 21_000 },
    ],
  ])('is read as %s means it: %i %j', (id, status, body, verdict) => {
    expect(providers.get(id)?.classify(answer(status, body))).toEqual(verdict)
  })
})

describe.skipIf(recordingsDir === undefined)('the recorded errors', () => {
  /** Every one there is, with the verdict that a person gave it. */
  const verdicts: Readonly<Record<string, object>> = {
    'azure/chat-content-filter-error-in-200-no-usage-openllmetry-testing': caller,
    'azure/chat-status-404-gpt-5-nano': elsewhere,
    'azure/embeddings-status-401-embedding': credential,
    'deepseek/chat-status-401-deepseek-chat': credential,
    'deepseek/chat-status-402': credential,
    'groq/chat-status-400-gpt-oss-120b': caller,
    'groq/chat-status-404-llama-3-3-70b-versatlie': elsewhere,
    'groq/chat-status-429': { ...limit, cooldownMs: 578_016 },
    'groq/chat-stream-mid-stream-error-no-done-sentinel-no-include-usage-no-usage-gpt-oss-120b-2': caller,
    'mistral/chat-status-401-mistral-small-latest': credential,
    'ollama-cloud/chat-status-401-gpt-oss-120b': credential,
    'openai/chat-status-400-gpt-4o-mini': caller,
    'openai/chat-status-401-gpt-4o': credential,
    'openai/chat-status-404-non-existent-model': elsewhere,
    'openai/chat-status-429': { ...limit, cooldownMs: 1_574 },
    'openai/chat-stream-mid-stream-error-no-done-sentinel-no-usage': connection,
    'openai/completions-status-401-text-curie-001': credential,
    'openai/completions-status-404-gpt-3-5-turbo': elsewhere,
    'openai/embeddings-status-404-not-found-model': elsewhere,
    'openrouter/chat-status-400-claude-haiku-4-5': caller,
    'openrouter/chat-status-402': credential,
    'openrouter/chat-status-429-gemini-2-0-flash-exp-free': limit,
    'openrouter/chat-stream-mid-stream-error-provider-cost-reasoning-truncated-minimax-m2-free': caller,
    'perplexity/chat-status-400-sonar': caller,
  }
  const failed = dialectRecordings().taken.filter(({ expected }) => expected.error)

  test('are told whose they are', () => {
    const told = failed.map(({ id, provider, status, headers, body, stream }) => {
      const events = stream && status < 400 ? body.toString().split(/(?:^|\n)data: /) : [body.toString()]
      const stating = events.findLast((event) => event.includes('"error"') || !stream) ?? ''
      const failure = { kind: 'answer', head: { status, headers }, body: Buffer.from(stating), at } as const
      return [id, providers.get(provider)?.classify(failure)]
    })
    expect(Object.fromEntries(told)).toEqual(verdicts)
  })
})
