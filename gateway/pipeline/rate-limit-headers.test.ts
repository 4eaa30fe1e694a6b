import { describe, expect, test } from 'vitest'
import { limitOf } from '../domain/limit.ts'
import type { Standing } from '../limits/limit-store.ts'
import { rateLimitHeaders } from './rate-limit-headers.ts'

const standing = (limit: Standing['limit'], used: number, resetMs: number): Standing => ({
  limit,
  used,
  held: 0,
  resetMs,
})

describe('rate limit headers', () => {
  test('tell of the scope that has the lowest share left, for each measure', () => {
    const headers = rateLimitHeaders([
      standing(limitOf('org', 'acme', 'requests', 1000), 10, 60_000),
      standing(limitOf('key', 'dev', 'requests', 60), 59, 12_300),
      standing(limitOf('key', 'dev', 'tokens', 100_000), 120_000, 850),
      standing(limitOf('key', 'dev', 'concurrency', 5), 5, 0),
    ])
    expect(headers).toEqual({
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': '13s',
      'x-ratelimit-limit-tokens': '100000',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '850ms',
      'x-tollgate-ratelimit-scope': 'key:dev',
    })
  })

  test('are left out where there is no limit', () => {
    expect(rateLimitHeaders([])).toEqual({})
  })

  test('say minutes as OpenAI does', () => {
    const headers = rateLimitHeaders([standing(limitOf('global', '*', 'requests', 10), 1, 61_000)])
    expect(headers['x-ratelimit-reset-requests']).toBe('1m1s')
    expect(headers['x-tollgate-ratelimit-scope']).toBe('global')
  })
})
