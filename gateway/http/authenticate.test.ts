import { describe, expect, test } from 'vitest'
import { authenticate } from './authenticate.ts'
import { keyOf } from './key.fixture.ts'

const now = Date.UTC(2026, 10, 22)
const keys = [keyOf('ana'), keyOf('bob'), keyOf('late', { expiresAt: now })]
const catalog = { key: (hash: string) => keys.find((key) => key.hash === hash) }
const who = (headers: Record<string, string>) => authenticate(headers, catalog, now).id

describe('a key', () => {
  test('is found behind another gateway’s name while `Authorization` still holds the provider’s key', () => {
    expect(who({ authorization: 'Bearer sk-provider', 'helicone-auth': 'Bearer secret of ana' })).toBe('ana')
    expect(who({ authorization: 'Bearer sk-provider', 'x-portkey-api-key': 'secret of ana' })).toBe('ana')
    expect(who({ authorization: 'Basic x', 'x-api-key': 'secret of ana' })).toBe('ana')
  })

  test('in our own header comes before one in another’s', () => {
    expect(who({ 'x-litellm-api-key': 'secret of bob', 'x-api-key': 'secret of ana' })).toBe('ana')
    expect(who({ 'x-api-key': 'secret of bob', authorization: 'Bearer secret of ana' })).toBe('ana')
  })

  test.each([
    ['none', {}, 'missing_api_key'],
    ['an empty one', { authorization: 'Bearer ', 'x-api-key': '' }, 'missing_api_key'],
    ['none that is known', { authorization: 'Bearer a', 'x-api-key': 'b' }, 'invalid_api_key'],
    ['a bare word in `Authorization`', { authorization: 'secret of ana' }, 'missing_api_key'],
    // It is a key of ours: the caller is told what became of it, and not let in by another.
    [
      'an expired one before another',
      { authorization: 'Bearer secret of late', 'x-api-key': 'secret of ana' },
      'expired_api_key',
    ],
  ])('%s is refused', (_, headers, code) => {
    expect(() => who(headers)).toThrow(expect.objectContaining({ code }))
  })
})
