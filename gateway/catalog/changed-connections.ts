import type { Connection } from '../domain/connection.ts'
import type { Catalog } from './catalog.ts'

/** Ids of connections that are gone, or lead elsewhere or with another credential: what was known of them is of others. */
export function changedConnections(next: Catalog, before: Catalog): readonly string[] {
  const now = new Map(next.connections.map((connection) => [connection.id, accountOf(connection)]))
  return before.connections
    .filter((connection) => now.get(connection.id) !== accountOf(connection))
    .map((connection) => connection.id)
}

/** Where a connection leads and as whom. */
export function accountOf({ provider, baseUrl, apiKey, apiVersion, headers, allowPrivateNetwork }: Connection): string {
  return JSON.stringify([provider, baseUrl, apiKey, apiVersion, headers, allowPrivateNetwork])
}
