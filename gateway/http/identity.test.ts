import { describe, expect, test } from 'vitest'
import { identityOf } from './identity.ts'
import { keyOf } from './key.fixture.ts'

const open = keyOf('open', { user: 'key-user', feature: 'key-feature' })
const closed = keyOf('closed', { user: 'key-user', allowClientIdentity: false })

type Headers = Record<string, string>
const of = (headers: Headers, body: Record<string, unknown> = {}, key = open) => {
  const user = typeof body['user'] === 'string' ? body['user'] : undefined
  return identityOf(headers, user, body, key)
}

describe('the end user', () => {
  test.each([
    ['ours', { 'x-tollgate-user': 'ours', 'helicone-user-id': 'alias' }, { user: 'body' }, 'ours'],
    ['an alias', { 'helicone-user-id': 'alias' }, { user: 'body' }, 'alias'],
    ['the body’s user', {}, { user: 'body', safety_identifier: 'safe' }, 'body'],
    ['the body’s safety identifier', {}, { safety_identifier: 'safe' }, 'safe'],
    ['the key’s own', {}, { user: '', safety_identifier: 7 }, 'key-user'],
  ])('is %s', (_, headers, body, user) => {
    expect(of(headers as Headers, body).user).toBe(user)
  })
})

describe('the session', () => {
  test.each([
    ['ours', { 'x-tollgate-session': 'ours', 'x-portkey-trace-id': 'alias' }, 'ours'],
    ['an alias', { 'x-portkey-trace-id': 'alias' }, 'alias'],
    ['the body’s', {}, 'body'],
  ])('is %s', (_, headers, session) => {
    expect(of(headers as Headers, { session_id: 'body' }).session).toBe(session)
  })
})

describe('metadata', () => {
  test('is put together from all who say something; ours has the first word, then the order of the table', () => {
    const headers = {
      'x-tollgate-metadata': '{"env":"ours"}',
      'x-portkey-metadata': '{"_user":"ana","env":"theirs","team":"a"}',
      'cf-aig-metadata': '{"team":"b","cell":7}',
      'helicone-property-conversation': 'support',
      'x-bf-dim-region': 'eu',
      'x-litellm-tags': 'x,y',
      'x-title': 'App',
    }
    expect(of(headers, { metadata: { cell: 'body', tags: ['z'], order: '42', deep: {} } })).toMatchObject({
      user: 'ana',
      metadata: {
        env: 'ours',
        team: 'a',
        cell: 7,
        conversation: 'support',
        region: 'eu',
        tags: 'x,y',
        title: 'App',
        order: '42',
      },
    })
  })

  test('of aliases is cut short at what ours may hold', () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`helicone-property-p${n}`, 'v']))
    expect(Object.keys(of(many).metadata ?? {})).toHaveLength(32)
    const large = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`x-bf-dim-d${n}`, 'v'.repeat(250)]))
    expect(JSON.stringify(of(large).metadata).length).toBeLessThanOrEqual(4096)
    expect(Object.keys(of(large).metadata ?? {}).length).toBeGreaterThan(10)
  })

  test('is none where nobody says anything sensible', () => {
    const headers = {
      'x-portkey-metadata': 'nonsense',
      'cf-aig-metadata': '[]',
      'helicone-property-': 'x',
      'x-title': '',
    }
    expect(of(headers, { metadata: 'words' })).not.toHaveProperty('metadata')
  })

  test('cannot reach into what objects are made of', () => {
    const { metadata } = of({ 'cf-aig-metadata': '{"__proto__":"x","constructor":"y"}' })
    expect(Object.entries(metadata ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
  })
})

describe('tracking', () => {
  test.each([
    [{}, undefined],
    [{ 'x-tollgate-track': 'off' }, false],
    [{ 'cf-aig-collect-log': 'false' }, false],
    [{ 'x-tollgate-track': 'on', 'helicone-omit-request': 'true' }, true],
  ])('by %j is %s', (headers, tracked) => {
    expect(of(headers as Headers).tracked).toBe(tracked)
  })
})

test.each([
  ['x-tollgate-track', 'no'],
  ['x-tollgate-user', 'x'.repeat(257)],
  ['x-tollgate-metadata', '[1]'],
  ['x-tollgate-metadata', '{"deep":{}}'],
  ['x-tollgate-metadata', `{"a":"${'x'.repeat(5000)}"}`],
  ['x-tollgate-metadata', JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, n) => [n, 1])))],
])('a header of ours that makes no sense is refused by name: %s', (name, value) => {
  const refusal = { code: 'invalid_header', detail: expect.objectContaining({ param: name }) }
  expect(() => of({ [name]: value })).toThrow(expect.objectContaining(refusal))
})

test('a key that may not set an identity is told nothing and heard in nothing', () => {
  const headers = {
    'x-tollgate-user': 'mallory',
    'x-tollgate-track': 'off',
    'x-tollgate-metadata': 'nonsense',
    'cf-aig-collect-log': 'false',
    'helicone-user-id': 'mallory',
    'helicone-property-a': 'b',
  }
  expect(of(headers, { user: 'mallory', session_id: 's', metadata: { a: 1 } }, closed)).toEqual({
    org: 'acme',
    user: 'key-user',
  })
})
