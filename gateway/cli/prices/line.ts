import type { LoadedConfiguration } from '../../config.ts'
import { declaredWithStored } from '../../declared.ts'
import type { OverrideLine } from '../../domain/price-override.ts'
import { listConnections } from '../../ledger/configured/connections.ts'
import type { Database } from '../../ledger/database.ts'
import { noConnection } from '../no-connection.ts'
import { CommandFailure, exits } from '../output.ts'

/** Whose calls of which models an entry is for, as options. */
export const lineOptions = {
  model: {
    type: 'string',
    required: true,
    valueHint: 'name',
    description: "The model's name at the connection, as rows have it, or a pattern with *",
  },
  provider: { type: 'string', valueHint: 'id', description: 'Only at this provider' },
  connection: { type: 'string', valueHint: 'id', description: 'For calls through this connection' },
  org: { type: 'string', valueHint: 'id', description: 'For calls of this organisation' },
  global: { type: 'boolean', description: 'For everybody' },
} as const

interface Given {
  readonly model: string
  readonly provider?: string | undefined
  readonly connection?: string | undefined
  readonly org?: string | undefined
  readonly global?: boolean | undefined
}

export function lineIn({ model, provider, connection, org, global }: Given): OverrideLine {
  const subjects = [connection !== undefined, org !== undefined, global === true].filter(Boolean).length
  if (subjects !== 1) {
    throw new CommandFailure(exits.wrongUse, 'say for whom, once: --connection <id>, --org <id> or --global')
  }
  const of = { model: model.trim(), ...(provider !== undefined && { provider }) }
  if (of.model === '') throw new CommandFailure(exits.wrongUse, '--model wants a name')
  if (connection !== undefined) return { scope: 'connection', subject: connection, ...of }
  return org === undefined ? { scope: 'global', ...of } : { scope: 'org', subject: org, ...of }
}

/** The providers of all connections there are, by the connections' ids. */
export async function providersByConnection(
  configuration: LoadedConfiguration,
  database: Database | undefined,
): Promise<ReadonlyMap<string, string>> {
  const stored = database ? await listConnections(database) : []
  return new Map([
    ...declaredWithStored(configuration, []).connections.map(({ id, provider }) => [id, provider] as const),
    ...stored.map(({ slug, provider }) => [slug, provider] as const),
    ...configuration.declared.connections.map(({ id, provider }) => [id, provider] as const),
  ])
}

/** A price for a connection that is not there would wait for ever, and nobody would know why. */
export async function checkLine(
  { scope, subject = '' }: OverrideLine,
  configuration: LoadedConfiguration,
  database: Database,
): Promise<void> {
  if (scope !== 'connection') return
  if (!(await providersByConnection(configuration, database)).has(subject)) throw noConnection(subject)
}
