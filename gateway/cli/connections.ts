import { defineCommand } from 'citty'
import type { Configuration } from '../config.ts'
import { declaredWithStored } from '../declared.ts'
import type { Connection } from '../domain/connection.ts'
import { providers } from '../providers/index.ts'
import { duration, fewOf } from './format.ts'
import { jsonOption, urlOption } from './options.ts'
import { CommandFailure, exits, note, print, printJson } from './output.ts'
import { limitWords, ownLimits } from './own-limits.ts'
import { readConfiguration } from './read-configuration.ts'
import { findGateway, type Health, type RunningGateway } from './running-gateway.ts'
import { type Cell, table } from './table.ts'

const list = defineCommand({
  meta: {
    description: 'Lists the connections in the order they are asked, with their health where a gateway runs',
    examples: ['tollgate connections list', "tollgate connections list --json | jq '.connections[].id'"],
  },
  args: {
    provider: { type: 'string', valueHint: 'id', description: "Only this provider's" },
    url: urlOption,
    json: jsonOption,
  },
  run: async ({ args }) => {
    checkProvider(args.provider)
    const configuration = readConfiguration()
    const gateway = await findGateway(configuration, args.url)
    const lines = linesOf(configuration, gateway).filter(
      ({ connection }) => args.provider === undefined || connection.provider === args.provider,
    )
    if (args.json) return printJson(documentOf(lines, gateway))
    if (lines.length === 0) return note('No connections.')
    print(table(columns, lines.map(cellsOf)))
    if (!gateway) note('No gateway answers here, so health is not known.')
  },
})

/** `tollgate connections …` */
export const connections = defineCommand({
  meta: {
    description: 'The ways to providers, and how they are',
    examples: ['tollgate connections list', 'tollgate connections list --json'],
  },
  subCommands: { list },
})

interface Line {
  readonly connection: Connection
  readonly limits: ReturnType<typeof ownLimits>
  readonly source: 'file' | 'built-in'
  readonly health: Health['connections'][number] | undefined
}

function checkProvider(id: string | undefined): void {
  if (id === undefined || providers.has(id)) return
  throw new CommandFailure(exits.notFound, `there is no provider ${JSON.stringify(id)}`, {
    fix: `there are: ${[...providers.keys()].join(', ')}`,
  })
}

function linesOf(configuration: Configuration, gateway: RunningGateway | undefined): readonly Line[] {
  const { connections, limits } = declaredWithStored(configuration, [])
  const declared = new Set(configuration.declared.connections.map(({ id }) => id))
  const health = new Map(gateway?.health.connections.map((each) => [each.id, each]))
  return connections
    .toSorted((a, b) => a.priority - b.priority)
    .map((connection) => ({
      connection,
      limits: ownLimits(limits, 'connection', connection.id),
      source: declared.has(connection.id) ? 'file' : 'built-in',
      health: health.get(connection.id),
    }))
}

const columns = [
  { head: 'ID' },
  { head: 'PROVIDER' },
  { head: 'STATUS' },
  { head: 'PRIO', align: 'right' },
  { head: 'WEIGHT', align: 'right' },
  { head: 'HEALTH' },
  { head: 'LIMITS' },
  { head: 'MODELS' },
] as const

function cellsOf({ connection, limits, health }: Line): readonly Cell[] {
  const { id, provider, status, priority, weight, models } = connection
  const names = models.map(({ pattern, upstream }) => (upstream === undefined ? pattern : `${pattern}→${upstream}`))
  const standing: Cell = status === 'active' ? status : { text: status, style: 'yellow' }
  return [id, provider, standing, `${priority}`, `${weight}`, healthCell(health), limitWords(limits), fewOf(names)]
}

function healthCell(health: Line['health']): Cell {
  if (!health) return '—'
  if (health.available) return { text: '● available', style: 'green' }
  const wait = health.retryAfterMs === undefined ? '' : ` ${duration(health.retryAfterMs)}`
  return { text: `■ rests${wait}${health.reason === undefined ? '' : `: ${health.reason}`}`, style: 'red' }
}

function documentOf(lines: readonly Line[], gateway: RunningGateway | undefined) {
  return {
    gateway: gateway ? { address: gateway.address, version: gateway.health.version } : null,
    connections: lines.map(({ connection, limits, source, health }) => ({
      id: connection.id,
      provider: connection.provider,
      base_url: connection.baseUrl,
      status: connection.status,
      priority: connection.priority,
      weight: connection.weight,
      models: connection.models.map(({ pattern, upstream }) => ({ pattern, upstream: upstream ?? null })),
      limits,
      source,
      health: health
        ? {
            available: health.available,
            reason: health.reason ?? null,
            retry_after_ms: health.retryAfterMs ?? null,
          }
        : null,
    })),
  }
}
