import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { DialectId } from '../domain/call.ts'
import type { Connection } from '../domain/connection.ts'
import { callOf, candidateOf } from './call.fixture.ts'
import { providers } from './index.ts'
import type { UpstreamRequest } from './provider.ts'

const asking: Readonly<Record<DialectId, string>> = {
  'openai-chat': '{"model":"m","messages":[{}]}',
  'openai-completions': '{"model":"m","prompt":"x"}',
  'openai-embeddings': '{"model":"m","input":"x"}',
}

function request(
  id: string,
  to: Partial<Connection>,
  dialect: DialectId = 'openai-chat',
  model = 'm',
): UpstreamRequest {
  const adapter = providers.get(id)
  if (!adapter) throw new Error(`no provider ${id}`)
  const { baseUrl } = adapter
  const call = callOf(asking[dialect], dialect)
  return adapter.rewrite(call, candidateOf(model, { ...(baseUrl !== undefined && { baseUrl }), apiKey: 'key', ...to }))
}

describe('every provider', () => {
  test('that has a folder can be named in a connection', () => {
    const folders = readdirSync(import.meta.dirname, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    // A word of English can only be an id where the folder has another name.
    const ids = folders.map(({ name }) => (providers.has(name) ? name : name.replace(/-ai$/, '')))
    expect([...providers.keys()].toSorted()).toEqual(ids.toSorted())
  })

  test('has an address that a connection may have: https, or a machine of ours', () => {
    for (const [id, { baseUrl }] of providers) {
      if (baseUrl === undefined) continue
      const { protocol, hostname, search, hash, href } = new URL(baseUrl)
      expect([`${id} https:`, `${id} http: 127.0.0.1`, `${id} http: sandbox`]).toContain(
        protocol === 'https:' ? `${id} ${protocol}` : `${id} ${protocol} ${hostname}`,
      )
      expect(search + hash).toBe('')
      expect(href.replace(/\/$/, '')).toBe(baseUrl)
    }
  })

  test('sends each dialect below its address, with the credential and to nobody else', () => {
    for (const [id, { baseUrl = 'https://host/base' }] of providers) {
      for (const dialect of ['openai-chat', 'openai-completions', 'openai-embeddings'] as const) {
        const { path, headers } = request(id, { baseUrl }, dialect)
        expect(path, id).toMatch(/^\/[^/]/)
        expect(path, id).toMatch(
          { 'openai-chat': /chat/, 'openai-completions': /completions$/, 'openai-embeddings': /embeddings$/ }[dialect],
        )
        expect(
          [headers['authorization'], headers['api-key']].filter((value) => value !== undefined),
          id,
        ).toHaveLength(1)
      }
    }
  })
})

describe('Azure', () => {
  const key = { apiKey: 'key' }
  test.each([
    ['the v1 API', 'https://r.openai.azure.com', undefined, '/openai/v1/chat/completions'],
    ['… by the address of the API', 'https://r.openai.azure.com/openai', undefined, '/openai/v1/chat/completions'],
    ['… by the whole address', 'https://r.openai.azure.com/openai/v1', undefined, '/openai/v1/chat/completions'],
    ['… in its preview', 'https://r.openai.azure.com', 'preview', '/openai/v1/chat/completions?api-version=preview'],
    ['… behind a gateway', 'https://apim.example.com/ai', undefined, '/ai/openai/v1/chat/completions'],
    [
      'a deployment',
      'https://r.openai.azure.com',
      '2024-10-21',
      '/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21',
    ],
    [
      '… by the address of v1',
      'https://r.openai.azure.com/openai/v1',
      '2024-10-21',
      '/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21',
    ],
    [
      'Foundry’s endpoint',
      'https://r.services.ai.azure.com/models',
      '2024-05-01-preview',
      '/models/chat/completions?api-version=2024-05-01-preview',
    ],
  ])('is asked by %s: %s %s', (_, baseUrl, apiVersion, path) => {
    const sent = request('azure', { baseUrl, apiVersion, ...key }, 'openai-chat', 'my gpt/4')
    expect(sent.path).toBe(path)
    expect(sent.headers).toMatchObject({ 'api-key': 'key' })
    expect(sent.headers).not.toHaveProperty('authorization')
  })

  test.each([
    ['https://r.openai.azure.com', undefined, true],
    ['https://r.openai.azure.com', '2024-10-21', true],
    ['https://r.openai.azure.com', '2024-09-01-preview', true],
    ['https://r.openai.azure.com', '2024-02-01', false],
    ['https://r.services.ai.azure.com/models', '2024-05-01-preview', true],
  ])('is asked for a stream’s usage where it knows the option: %s %s', (baseUrl, apiVersion, asked) => {
    const call = callOf('{"model":"m","stream":true,"messages":[{}]}')
    const sent = providers.get('azure')?.rewrite(call, candidateOf('m', { baseUrl, apiVersion }))
    expect(Buffer.from(sent?.body ?? '').includes('stream_options')).toBe(asked)
  })
})

test.each([
  ['perplexity', 'https://api.perplexity.ai', 'openai-chat', '/chat/completions'],
  ['perplexity', 'https://api.perplexity.ai/v1', 'openai-chat', '/chat/completions'],
  ['perplexity', 'https://api.perplexity.ai', 'openai-embeddings', '/v1/embeddings'],
  ['writer', 'https://api.writer.com/v1', 'openai-chat', '/v1/chat'],
  ['writer', 'https://api.writer.com/v1', 'openai-completions', '/v1/completions'],
  ['deepseek', 'https://api.deepseek.com', 'openai-chat', '/chat/completions'],
  ['deepseek', 'https://api.deepseek.com/v1', 'openai-completions', '/beta/completions'],
] as const)('%s at %s finds the door of %s', (id, baseUrl, dialect, path) => {
  expect(request(id, { baseUrl }, dialect).path).toBe(path)
})
