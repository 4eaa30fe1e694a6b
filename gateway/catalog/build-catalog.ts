import { callerLimits } from './caller-limits.ts'
import { candidateOn, candidatesOf, listedModels } from './candidates.ts'
import type { Catalog, Declared } from './catalog.ts'
import { accountOf } from './changed-connections.ts'
import { limitsOn } from './limit-rules.ts'

/**
 * Makes the snapshot that calls are served from. Nothing in it changes what it answers; what it remembers of answers is
 * bounded, since clients choose the questions.
 */
export function buildCatalog(declared: Declared, version: number): Catalog {
  const connections = new Map(declared.connections.map((connection) => [connection.id, connection]))
  const keys = new Map(declared.keys.map((key) => [key.hash, key]))
  const keysById = new Map(declared.keys.map((key) => [key.id, key]))
  const candidates = candidatesOf(declared)
  const listed = listedModels(declared)
  const on = limitsOn(declared.limits)
  const onConnection = new Map(declared.connections.map(({ id }) => [id, on('connection', id)]))
  return {
    version,
    connections: declared.connections,
    settings: declared.settings,
    stands: (connection) => {
      const now = connections.get(connection.id)
      return now === connection || (now !== undefined && accountOf(now) === accountOf(connection))
    },
    key: (hash) => keys.get(hash),
    keyNamed: (id) => keysById.get(id),
    candidates,
    candidateOn: (connectionId, model) => candidateOn(declared, connectionId, model),
    limits: callerLimits(declared.limits),
    connectionLimits: (id) => onConnection.get(id) ?? [],
    models: () => listed,
  }
}
