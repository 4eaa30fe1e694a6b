import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildCatalog } from './catalog/build-catalog.ts'
import { loadConfig } from './config.ts'
import { declaredWithStored } from './declared.ts'
import { uuidV7 } from './domain/id.ts'
import type { NewConnection, StoredConnection } from './ledger/configured/connections.ts'
import { providers } from './providers/index.ts'
import { connectionProblems, LoadedConnections, loadConnection, sealCredential } from './stored-connections.ts'

const masterKeys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const apiKey = 'sk-upstream-0123456789'

const configuration = inEmptyFolder((cwd) => loadConfig({ env: {}, cwd, providers }))

function inEmptyFolder<T>(look: (cwd: string) => T): T {
  const cwd = mkdtempSync(join(tmpdir(), 'tollgate-stored-'))
  try {
    return look(cwd)
  } finally {
    rmSync(cwd, { recursive: true })
  }
}

function stored(slug: string, more: Partial<StoredConnection> = {}): StoredConnection {
  const id = uuidV7(1_795_000_000_000)
  const at = new Date(0)
  const free = {
    name: null,
    baseUrl: null,
    apiVersion: null,
    headers: {},
    limits: {},
    trackUsage: null,
    deletedAt: null,
  }
  const set = { priority: 10, weight: 1, models: ['*'], status: 'active', allowPrivateNetwork: false } as const
  const sealed = sealCredential(id, apiKey, masterKeys)
  return { id, slug, provider: 'openai', ...free, ...set, ...sealed, createdAt: at, updatedAt: at, ...more }
}

const load = (connection: StoredConnection, keys: readonly Buffer[] = masterKeys) =>
  loadConnection(connection, configuration, keys)

test('a stored connection is one like those of the file, with its credential, its limits and the defaults', () => {
  const more = {
    baseUrl: 'https://eu.example.com/v1/',
    models: ['gpt-*', { best: 'gpt-5' }],
    limits: { rpm: 5, concurrency: 2 },
    headers: { 'x-team': 'blue' },
    status: 'draining',
    trackUsage: false,
  } as const
  const { connection, limits, problem } = load(stored('main', more))
  expect(problem).toBeUndefined()
  expect(connection).toEqual({
    ...configuration.connectionDefaults,
    id: 'main',
    provider: 'openai',
    baseUrl: 'https://eu.example.com/v1',
    apiKey,
    headers: { 'x-team': 'blue' },
    models: [{ pattern: 'gpt-*' }, { pattern: 'best', upstream: 'gpt-5' }],
    status: 'draining',
    trackUsage: false,
  })
  expect(limits.map((rule) => 'limit' in rule && `${rule.limit.id} ${rule.limit.max}`)).toEqual([
    'connection:main:requests:60000 5',
    'connection:main:concurrency:0 2',
  ])
  expect(load(stored('plain')).connection.baseUrl).toBe(providers.get('openai')?.baseUrl)
})

test('a credential that was moved from another row, altered or sealed by another key does not open, and says so', () => {
  const [main, other] = [stored('main'), stored('other')]
  const cases: readonly (readonly [StoredConnection, readonly Buffer[], RegExp])[] = [
    [{ ...main, sealedApiKey: other.sealedApiKey }, masterKeys, /altered, or belongs elsewhere/],
    [{ ...main, sealedApiKey: `${main.sealedApiKey}AA` }, masterKeys, /altered/],
    [{ ...main, sealedApiKey: 'v1.nonsense' }, masterKeys, /not a sealed text/],
    [main, [Buffer.alloc(32, 9)], /sealed under master key .*, which is not among the 1 at hand/],
  ]
  for (const [connection, keys, reason] of cases) {
    const { connection: loaded, problem } = load(connection, keys)
    expect(loaded).toMatchObject({ id: 'main', status: 'inactive', apiKey: undefined })
    expect(problem).toMatch(/^the connection main is not used: its credential does not open: /)
    expect(problem).toMatch(reason)
    expect(problem).not.toContain(connection.sealedApiKey)
  }
})

test('a credential sealed by the older of two master keys opens', () => {
  const [newer, older] = masterKeys
  const connection = stored('main')
  const before = sealCredential(connection.id, apiKey, older ? [older] : [])
  expect(load({ ...connection, ...before }).connection.apiKey).toBe(apiKey)
  expect(load(connection, newer ? [newer] : []).connection.apiKey).toBe(apiKey)
})

test.each([
  [{ provider: 'nobody' }, /provider: found "nobody", expected/],
  [{ baseUrl: 'http://10.0.0.1/v1' }, /base_url: found http, expected https, or allow_private_network/],
  [{ baseUrl: 'not an address' }, /base_url: found something else/],
  [{ sealedApiKey: null }, /api_key: found nothing, expected a credential/],
  [{ headers: { host: 'x' } }, /headers.host: found the name "host"/],
  [{ limits: { rpm: 0 } }, /limits.rpm: found 0/],
  [{ models: [] }, /models: /],
])('what nobody could call is there, but not used: %o', (wrong, reason) => {
  const { connection, limits, problem } = load(stored('main', wrong))
  expect(connection).toMatchObject({ id: 'main', status: 'inactive', apiKey: undefined })
  expect(limits).toEqual([])
  expect(problem).toMatch(reason)
})

test('a connection is checked before it is stored, by what the file would be told', () => {
  const connection: NewConnection = { id: uuidV7(0), slug: 'Main', provider: 'openia', models: [{ 'a*': 'b**' }] }
  expect(connectionProblems(connection, ' key', configuration)).toEqual([
    expect.stringMatching(/^id: found "Main", expected a slug/),
    expect.stringMatching(/^api_key: found a text of 4 characters/),
    expect.stringMatching(/^provider: .*did you mean "openai"/),
    expect.stringMatching(/^models: /),
  ])
  expect(
    connectionProblems({ ...connection, slug: 'main', provider: 'openai', models: ['*'] }, apiKey, configuration),
  ).toEqual([])
})

test('what a row says is read once, until the row or the defaults say something else', () => {
  const loaded = new LoadedConnections(masterKeys)
  const [main, spare] = [stored('main'), { ...stored('spare'), id: uuidV7(1) }]
  const sealed = sealCredential(spare.id, apiKey, masterKeys)
  const rows = [main, { ...spare, ...sealed }]
  const first = loaded.of(rows, configuration)
  expect(first.map(({ problem }) => problem)).toEqual([undefined, undefined])
  expect(loaded.of(structuredClone(rows), configuration)).toEqual(first)
  expect(loaded.of(structuredClone(rows), configuration)[0]).toBe(first[0])
  const reloaded = structuredClone(configuration.connectionDefaults)
  expect(loaded.of(rows, { connectionDefaults: reloaded })[0]).toBe(first[0])
  const edited = loaded.of([main, { ...spare, ...sealed, priority: 3 }], configuration)
  expect(edited[0]).toBe(first[0])
  expect(edited[1]?.connection.priority).toBe(3)
  const connectionDefaults = { ...configuration.connectionDefaults, onClientAbort: 'drain' } as const
  expect(loaded.of([main], { connectionDefaults })[0]?.connection.onClientAbort).toBe('drain')
})

test('of a short credential no part is shown', () => {
  expect(sealCredential(uuidV7(0), 'short-key', masterKeys).keyHint).toBeNull()
  expect(sealCredential(uuidV7(0), apiKey, masterKeys).keyHint).toBe('…6789')
})

test('what the file declares it owns; the stored ones stand beside it, and before the box', () => {
  const declared = load(stored('main', { priority: 1 })).connection
  const file = { ...configuration, declared: { ...configuration.declared, connections: [declared] } }
  const loaded = [
    load(stored('main', { priority: 2, limits: { rpm: 1 } })),
    load(stored('spare', { priority: 3, limits: { rpm: 2 } })),
    load(stored('sandbox', { status: 'inactive' })),
  ]
  const { connections, limits } = declaredWithStored(file, [], loaded)
  expect(connections.map(({ id, priority, status }) => [id, priority, status])).toEqual([
    ['main', 1, 'active'],
    ['spare', 3, 'active'],
    ['sandbox', 10, 'inactive'],
    ['sandbox-faults', 100, 'active'],
  ])
  expect(limits.map((rule) => 'limit' in rule && rule.limit.id)).toEqual(['connection:spare:requests:60000'])
})

test('one that is draining or inactive gets no new call', () => {
  const loaded = (['active', 'draining', 'inactive'] as const).map((status) => load(stored(status, { status })))
  const catalog = buildCatalog(declaredWithStored(configuration, [], loaded), 1)
  expect(catalog.candidates('gpt-5').map(({ connection }) => connection.id)).toEqual(['active'])
})
