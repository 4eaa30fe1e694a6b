import type { Declared, LimitRule } from './catalog/catalog.ts'
import type { Configuration } from './config.ts'
import type { Connection } from './domain/connection.ts'
import type { Key } from './domain/key.ts'
import { limitOf, type Measure } from './domain/limit.ts'
import type { StoredKey } from './ledger/keys.ts'
import { providers } from './providers/index.ts'

/** The connection that comes with the box. A file that declares this id decides about it instead. */
export const sandboxId = 'sandbox'

/** What the file declares, with what is in the ledger and in the box. */
export function declaredWithStored(configuration: Configuration, stored: readonly StoredKey[]): Declared {
  const { declared } = configuration
  const ids = new Set(declared.keys.map(({ id }) => id))
  // What the file declares, the file owns.
  const others = stored.filter(({ slug }) => !ids.has(slug))
  return {
    ...declared,
    connections: withSandbox(configuration),
    keys: [...declared.keys, ...others.map(keyOf)],
    limits: [...declared.limits, ...others.flatMap(limitsOf)],
  }
}

function withSandbox({ declared, connectionDefaults }: Configuration): readonly Connection[] {
  const provider = providers.get(sandboxId)
  if (!provider?.baseUrl || declared.connections.some(({ id }) => id === sandboxId)) return declared.connections
  const sandbox: Connection = {
    ...connectionDefaults,
    id: sandboxId,
    provider: provider.id,
    baseUrl: provider.baseUrl,
    priority: 100,
    models: sandboxModels,
  }
  return [...declared.connections, sandbox]
}

/** Written out, so that they are listed; the patterns behind them take a number or a status. */
const sandboxModels = [
  'sandbox/echo',
  'sandbox/slow',
  'sandbox/tools',
  'sandbox/reasoning',
  'sandbox/embed',
  'sandbox/hang',
  'sandbox/midstream-drop',
  'sandbox/*',
].map((pattern) => ({ pattern }))

function keyOf(stored: StoredKey): Key {
  return {
    id: stored.slug,
    hash: stored.secretSha256,
    org: stored.orgId,
    user: stored.userId ?? undefined,
    feature: stored.feature ?? undefined,
    models: stored.models,
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
