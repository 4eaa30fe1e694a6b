import type { LimitRule } from './catalog/catalog.ts'
import { seal, Unsealable, unseal } from './catalog/seal.ts'
import { type Configuration, readConnection } from './config.ts'
import { type Connection, keyHint } from './domain/connection.ts'
import type { Uuid } from './domain/id.ts'
import type { NewConnection, StoredConnection } from './ledger/configured/connections.ts'
import { providers } from './providers/index.ts'

/** A stored connection as the catalog takes it. One that cannot be used is there, inactive, and says why. */
export interface LoadedConnection {
  readonly connection: Connection
  readonly limits: readonly LimitRule[]
  readonly problem?: string
}

/** Seals a credential for the connection of this id, and for no other. */
export function sealCredential(
  id: Uuid,
  apiKey: string,
  masterKeys: readonly Buffer[],
): { readonly sealedApiKey: string; readonly keyHint: string | null } {
  return { sealedApiKey: seal(apiKey, id, masterKeys), keyHint: keyHint(apiKey) }
}

/** What is wrong with a connection that is about to be stored, with this credential: what the file would be told. */
export function connectionProblems(
  connection: NewConnection,
  apiKey: string | undefined,
  { connectionDefaults }: Pick<Configuration, 'connectionDefaults'>,
): readonly string[] {
  const read = readConnection(entryOf(connection, apiKey), providers, connectionDefaults)
  return 'problems' in read ? read.problems : []
}

/** Opens a stored connection. Whatever is wrong with it stops nobody but itself. */
export function loadConnection(
  stored: StoredConnection,
  { connectionDefaults }: Pick<Configuration, 'connectionDefaults'>,
  masterKeys: readonly Buffer[],
): LoadedConnection {
  const opened = credentialOf(stored, masterKeys)
  const read = readConnection(entryOf(stored, opened.apiKey), providers, connectionDefaults)
  if (!('problems' in read) && opened.problem === undefined) return read
  const { slug, provider, baseUrl, priority, weight } = stored
  const problems = opened.problem === undefined && 'problems' in read ? read.problems : [opened.problem]
  return {
    connection: {
      ...connectionDefaults,
      id: slug,
      provider,
      baseUrl: baseUrl ?? providers.get(provider)?.baseUrl ?? '',
      priority,
      weight,
      status: 'inactive',
    },
    limits: [],
    problem: `the connection ${slug} is not used: ${problems.join('; ')}`,
  }
}

/** Loads stored connections again and again. A row that says what it said before costs a comparison, not half a ms. */
export class LoadedConnections {
  readonly #masterKeys: readonly Buffer[]
  #known: ReadonlyMap<Uuid, { readonly from: string; readonly loaded: LoadedConnection }> = new Map()
  #defaults = ''

  constructor(masterKeys: readonly Buffer[]) {
    this.#masterKeys = masterKeys
  }

  of(
    rows: readonly StoredConnection[],
    configuration: Pick<Configuration, 'connectionDefaults'>,
  ): readonly LoadedConnection[] {
    // Every reload of the file makes them anew, mostly as they were.
    const defaults = JSON.stringify(configuration.connectionDefaults)
    const known = this.#defaults === defaults ? this.#known : new Map<Uuid, never>()
    const now = rows.map((row) => {
      const from = JSON.stringify(row)
      const before = known.get(row.id)
      if (before?.from === from) return [row.id, before] as const
      return [row.id, { from, loaded: loadConnection(row, configuration, this.#masterKeys) }] as const
    })
    this.#known = new Map(now)
    this.#defaults = defaults
    return now.map(([, { loaded }]) => loaded)
  }
}

function credentialOf(
  { id, sealedApiKey }: StoredConnection,
  masterKeys: readonly Buffer[],
): { readonly apiKey?: string; readonly problem?: string } {
  if (sealedApiKey === null) return {}
  try {
    return { apiKey: unseal(sealedApiKey, id, masterKeys) }
  } catch (error) {
    if (!(error instanceof Unsealable)) throw error
    return { problem: `its credential does not open: ${error.message}` }
  }
}

/** The connection as it would stand in the file. */
function entryOf(connection: NewConnection, apiKey: string | undefined): Readonly<Record<string, unknown>> {
  const members = {
    id: connection.slug,
    provider: connection.provider,
    base_url: connection.baseUrl ?? undefined,
    api_key: apiKey,
    api_version: connection.apiVersion ?? undefined,
    headers: connection.headers,
    priority: connection.priority,
    weight: connection.weight,
    models: connection.models,
    status: connection.status,
    limits: connection.limits,
    track_usage: connection.trackUsage ?? undefined,
    allow_private_network: connection.allowPrivateNetwork,
  }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
