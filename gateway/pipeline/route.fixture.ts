import { buildCatalog } from '../catalog/build-catalog.ts'
import type { Declared } from '../catalog/catalog.ts'
import type { Call } from '../domain/call.ts'
import type { Connection } from '../domain/connection.ts'
import { uuidV7 } from '../domain/id.ts'
import { nanoUsd } from '../domain/money.ts'
import type { Settings } from '../domain/settings.ts'
import { MemoryHealth } from '../health/memory-health.ts'
import { ill, rules, start } from '../health/rules.fixture.ts'
import type { Admission } from './admit.ts'
import { Headroom } from './headroom.ts'
import { type Plan, route } from './route.ts'

const settings: Settings = {
  defaultPricePerMtok: nanoUsd(0),
  chargeBy: 'provider',
  chargeOnUpstreamError: 'reported',
  affinity: true,
  pingAfterMs: 0,
  health: rules,
  jsonBodyBytesMax: 1,
  trackUsage: true,
  journal: { durability: 'process', onLoss: 'refuse' },
  retention: { rowsDays: 90, rollupsDays: 1100 },
  usageFolder: undefined,
}

export function connection(id: string, over: Partial<Connection> = {}): Connection {
  return {
    id,
    provider: 'acme-ai',
    baseUrl: 'https://api.example.com/v1',
    apiKey: undefined,
    apiVersion: undefined,
    headers: {},
    priority: 10,
    weight: 1,
    models: [{ pattern: 'm' }],
    status: 'active',
    allowPrivateNetwork: false,
    trackUsage: undefined,
    timeouts: { connectMs: 1, firstByteMs: 1, firstTokenMs: 1, idleMs: 1, totalMs: 1 },
    onClientAbort: 'abort',
    retryAmbiguous: true,
    ...over,
  }
}

/** What a test says of a call: all else is the same for all. */
export interface Said {
  readonly model?: string
  readonly session?: string
  readonly org?: string
  readonly key?: string
  readonly prompt?: string
  readonly only?: string
}

export function callOf({ model = 'm', session, org = 'default', key = 'dev', prompt = 'hi', only }: Said): Call {
  const bytes = Buffer.from(JSON.stringify({ model, messages: prompt }))
  const from = bytes.indexOf('"messages":') + '"messages":'.length
  return {
    id: uuidV7(start),
    at: start,
    startedMs: 0,
    dialect: 'openai-chat',
    endpoint: '/v1/chat/completions',
    key: {
      id: key,
      hash: '',
      org,
      user: undefined,
      feature: undefined,
      models: ['*'],
      allowClientIdentity: true,
      expiresAt: undefined,
      trackUsage: undefined,
    },
    identity: { org, ...(session !== undefined && { session }) },
    asked: {
      model,
      stream: false,
      streamUsage: false,
      outputTokensMax: undefined,
      choices: 1,
      user: undefined,
      prompt: () => ({ texts: [], messages: 0 }),
    },
    body: { bytes, value: {}, members: new Map([['messages', { start: from, end: bytes.length - 1 }]]) },
    timeoutMs: undefined,
    firstTokenTimeoutMs: undefined,
    ...(only !== undefined && { only }),
    usageMember: false,
  }
}

/** Routing as the gateway does it, over connections of a test's own; its randomness has a seed. */
export function routing(
  connections: readonly Connection[],
  over: Partial<Settings> = {},
  models = new Map<string, readonly string[]>(),
) {
  const declared: Declared = { connections, keys: [], limits: [], models, settings: { ...settings, ...over } }
  const catalog = buildCatalog(declared, 1)
  const health = new MemoryHealth(() => rules)
  const headroom = new Headroom()
  const random = seeded(42)
  const plan = (said: Said = {}, at = start): Plan => {
    const admission: Admission = { entry: { call: callOf(said), catalog, attempts: [] }, tokens: 0, holds: [] }
    return route(admission, { clock: { now: () => at, elapsed: () => 0 }, health, headroom }, random)
  }
  /** Whose turn it is, in order: `main`, `main?` for a probe that is due, `main!` for an early one. */
  const turns = (said: Said = {}, at = start): readonly string[] =>
    plan(said, at).turns.map(
      ({ candidate, probe }) => candidate.connection.id + { none: '', due: '?', early: '!' }[probe],
    )
  /** Of so many calls, the share that each connection gets first. */
  const shares = (calls: number, said: (call: number) => Said = () => ({}), at = start) => {
    const firsts = Map.groupBy(
      Array.from({ length: calls }, (_, call) => turns(said(call), at)[0] ?? 'nobody'),
      (first) => first,
    )
    return (id: string) => (firsts.get(id)?.length ?? 0) / calls
  }
  const eject = (id: string, at = start) => {
    for (let i = 0; i < 3; i++) health.failed(id, ill, at)
  }
  return { health, headroom, plan, turns, shares, eject }
}

/** Mulberry32: the same numbers in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
