import type { Declared, LimitRule } from './catalog/catalog.ts'
import type { Configuration } from './config.ts'
import type { Connection } from './domain/connection.ts'
import type { Key } from './domain/key.ts'
import { limitOf, type Measure } from './domain/limit.ts'
import type { StoredKey } from './ledger/configured/keys.ts'
import { providers } from './providers/index.ts'
import type { LoadedConnection } from './stored-connections.ts'

/** The connections that come with the box. Whoever declares or stores one of these ids decides about it instead. */
export const sandboxId = 'sandbox'
const sandboxFaultsId = 'sandbox-faults'
export const boxedIds: readonly string[] = [sandboxId, sandboxFaultsId]

/** What the file declares, with what is in the ledger and in the box. What the file declares, the file owns. */
export function declaredWithStored(
  configuration: Configuration,
  storedKeys: readonly StoredKey[],
  storedConnections: readonly LoadedConnection[] = [],
): Declared {
  const { declared } = configuration
  const keys = unless(declared.keys, storedKeys, ({ slug }) => slug)
  const connections = unless(declared.connections, storedConnections, ({ connection }) => connection.id)
  return {
    ...declared,
    connections: withSandbox(
      [...declared.connections, ...connections.map(({ connection }) => connection)],
      configuration,
    ),
    keys: [...declared.keys, ...keys.map(keyOf)],
    limits: [...declared.limits, ...connections.flatMap(({ limits }) => limits), ...keys.flatMap(limitsOf)],
  }
}

/** What is stored and not declared under the same id. */
function unless<Stored>(
  declared: readonly { readonly id: string }[],
  stored: readonly Stored[],
  idOf: (stored: Stored) => string,
): readonly Stored[] {
  const ids = new Set(declared.map(({ id }) => id))
  return stored.filter((each) => !ids.has(idOf(each)))
}

function withSandbox(connections: readonly Connection[], { connectionDefaults }: Configuration): readonly Connection[] {
  const provider = providers.get(sandboxId)
  if (!provider?.baseUrl) return connections
  const { id, baseUrl } = provider
  const ids = new Set(connections.map((connection) => connection.id))
  const boxed = Object.entries(sandboxModels)
    .filter(([slug]) => !ids.has(slug))
    .map(([slug, models]): Connection => {
      const patterns = models.map((pattern) => ({ pattern }))
      return { ...connectionDefaults, id: slug, provider: id, baseUrl, priority: 100, models: patterns }
    })
  return [...connections, ...boxed]
}

/**
 * Models that fail on purpose are a connection of their own: it rests after failures, and the others must not. The one
 * that never does is what a test of it asks for.
 */
const sandboxModels: Readonly<Record<string, readonly string[]>> = {
  [sandboxId]: ['echo', 'fast', 'slow', 'tools', 'reasoning', 'embed', 'lorem-*'].map((name) => `sandbox/${name}`),
  [sandboxFaultsId]: ['flaky-0', 'flaky-*', 'error-*', 'midstream-drop', 'hang'].map((name) => `sandbox/${name}`),
}

function keyOf(stored: StoredKey): Key {
  return {
    id: stored.slug,
    hash: stored.secretSha256,
    org: stored.orgId,
    user: stored.userId ?? undefined,
    feature: stored.feature ?? undefined,
    models: stored.models,
    trackUsage: stored.trackUsage ?? undefined,
    allowClientIdentity: stored.allowClientIdentity,
    expiresAt: stored.expiresAt?.getTime(),
  }
}

const measures = { rpm: 'requests', tpm: 'tokens', concurrency: 'concurrency' } as const satisfies Record<
  string,
  Measure
>

function limitsOf({ slug, limits }: StoredKey): readonly LimitRule[] {
  return Object.entries(measures).flatMap(([name, measure]) => {
    const max = limits[name as keyof typeof measures]
    return max === undefined ? [] : [{ limit: limitOf('key', slug, measure, max) }]
  })
}
