import { describe, expect, test } from 'vitest'
import { exhaustedMs } from './exhausted.ts'
import { classifyOpenai } from './openai-verdict.ts'
import { retryAfterMs } from './retry-after.ts'

const at = Date.parse('2026-11-22T10:00:00Z')

describe('the wait that a provider’s header asks for', () => {
  test.each([
    ['12', 12_000],
    ['0', 0],
    ['1.5', 1_500],
    [' 3 ', 3_000],
    ['99999', 600_000],
    ['7.66s', 7_660],
    ['1m30s', 90_000],
    ['Sun, 22 Nov 2026 10:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
    ['Sun, 22 Nov 2020 10:00:00 GMT', 0],
    ['Fri, 22 Nov 2090 10:00:00 GMT', undefined],
    ['-5', undefined],
    ['1764000000', undefined],
    ['soon', undefined],
    ['NaN', undefined],
    ['2026-11-22', undefined],
    ['', undefined],
  ])('retry-after: %s', (header, ms) => {
    expect(retryAfterMs({ 'retry-after': header }, at)).toBe(ms)
  })

  test('in milliseconds comes first, where it can be read', () => {
    expect(retryAfterMs({ 'retry-after-ms': '250', 'retry-after': '9' }, at)).toBe(250)
    expect(retryAfterMs({ 'retry-after-ms': '59.7', 'retry-after': '9' }, at)).toBe(60)
    expect(retryAfterMs({ 'retry-after-ms': '-1', 'retry-after': '9' }, at)).toBe(9_000)
  })
})

describe('the wait that a refusal asks for', () => {
  const cooldownOf = (body: unknown, headers: Record<string, string> = {}, status = 429) =>
    classifyOpenai({ kind: 'answer', head: { status, headers }, body: Buffer.from(JSON.stringify(body)), at })
      .cooldownMs

  test.each([
    ['Rate limit reached for o4-mini: Limit 200, Used 160, Requested 42. Please try again in 1.574s. Visit …', 1_574],
    ['Please try again in 9m38.016s. Need more tokens?', 578_016],
    ['Please try again in 120ms.', 120],
    ['Please try again in 1h2m3s.', 600_000],
    ['Please retry in 34.074824224s.', 34_075],
    ['have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 26 seconds.', 26_000],
    ['Try again in 1 minute', 60_000],
    ['Please try again in a while', undefined],
    ['Please try again in 5 bananas', undefined],
  ])('in words: %s', (message, ms) => {
    expect(cooldownOf({ error: { message } })).toBe(ms)
  })

  test('in Google’s detail, whether in a list or not', () => {
    const error = {
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'type.googleapis.com/google.rpc.Help' }, { '@type': '…RetryInfo', retryDelay: '34.4s' }],
    }
    expect(cooldownOf({ error })).toBe(34_400)
    expect(cooldownOf([{ error }])).toBe(34_400)
    expect(cooldownOf([{ error: { ...error, details: [{ retryDelay: 34 }, null, 'x'] } }])).toBeUndefined()
  })

  test('is the header’s where there is one, then the body’s, then the reset of what is exhausted', () => {
    const reset = { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s' }
    const body = { error: { message: 'Please try again in 7.66s' } }
    expect(cooldownOf(body, { ...reset, 'retry-after': '3' })).toBe(3_000)
    expect(cooldownOf(body, reset)).toBe(7_660)
    expect(cooldownOf({}, reset)).toBe(360_000)
    expect(cooldownOf({}, { ...reset, 'x-ratelimit-remaining-tokens': '17' })).toBeUndefined()
  })

  test('is a limit’s even by 402: money that is in use comes back, money that is spent does not', () => {
    const failure = { kind: 'answer', body: Buffer.from('{"error":{"code":402}}'), at } as const
    expect(classifyOpenai({ ...failure, head: { status: 402, headers: { 'retry-after': '2' } } })).toEqual({
      fault: 'limit',
      failover: true,
      cooldownMs: 2_000,
    })
    expect(classifyOpenai({ ...failure, head: { status: 402, headers: {} } }).fault).toBe('credential')
  })

  test('is kept of a server that is down, and not of a request that was wrong', () => {
    expect(cooldownOf({}, { 'retry-after': '3' }, 503)).toBe(3_000)
    expect(cooldownOf({}, { 'retry-after': '3' }, 400)).toBeUndefined()
    // What a failing server says may be somebody's text.
    expect(cooldownOf({ error: { message: 'cannot read "try again in 9m"' } }, {}, 500)).toBeUndefined()
  })
})

describe('an answer after which nothing remains', () => {
  test.each([
    ['of a window: its end', { remaining: '0', reset: '41.4' }, '', 41_400],
    ['of a day: its end, as far as one waits', { remaining: '0', reset: '33011.38' }, '-requests-day', 600_000],
    ['at a moment in seconds', { remaining: '0', reset: `${at / 1000 + 15}` }, '', 15_000],
    ['at a moment in milliseconds', { remaining: '0', reset: `${at + 15_500}` }, '', 15_500],
    ['at a moment in words', { remaining: '0', reset: '2026-11-22T10:00:20Z' }, '-tokens', 20_000],
    ['without its size: all of it', { remaining: '0', reset: '1m2.5s' }, '-requests', 62_500],
    ['below nothing', { remaining: '-3', reset: '30s' }, '-tokens', 30_000],
    [
      'of requests that come back one by one: the next',
      { limit: '20', remaining: '0', reset: '1m0s' },
      '-requests',
      3_000,
    ],
    ['of tokens that come back: a tenth', { limit: '6000', remaining: '0', reset: '1m0s' }, '-tokens', 6_000],
    ['for less than a second: nothing', { limit: '500', remaining: '0', reset: '1m0s' }, '-requests', undefined],
    [
      'in seconds within the window',
      { limit: '20', remaining: '0', reset: '60', renewalperiod: '60' },
      '-requests',
      3_000,
    ],
    ['in milliseconds', { limit: '20', remaining: '0', reset: '60000', renewalperiod: '60' }, '-requests', 3_000],
    ['that does not say until when', { remaining: '0' }, '-requests', undefined],
    ['nonsense', { remaining: 'none', reset: '60s' }, '-requests', undefined],
    ['nonsense until', { remaining: '0', reset: 'soon' }, '-requests', undefined],
    ['though something does', { limit: '20', remaining: '1', reset: '57s' }, '-requests', undefined],
    ['of what we do not send', { remaining: '0', reset: '60s' }, '-images', undefined],
  ])('tells how long none is taken: %s', (_, fields, name, ms) => {
    const entries = Object.entries(fields).map(([field, value]) => [`x-ratelimit-${field}${name}`, value])
    expect(exhaustedMs({ status: 200, headers: Object.fromEntries(entries) }, at)).toBe(ms)
  })

  test('of two things waits for the later', () => {
    const headers = {
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '2s',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '9s',
    }
    expect(exhaustedMs({ status: 200, headers }, at)).toBe(9_000)
  })
})
