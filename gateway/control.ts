import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { type TestParts, testConnection } from './admin/connection-test.ts'
import type { ConnectionStanding, Control, Source } from './admin/control.ts'
import { Problem } from './admin/problem.ts'
import type { Configuration } from './config.ts'
import { boxedIds } from './declared.ts'
import type { Call } from './domain/call.ts'
import type { Candidate, Connection } from './domain/connection.ts'
import { modelsAnswered } from './ledger/connection-traffic.ts'
import type { Database } from './ledger/database.ts'
import { likelyChatModels } from './likely-models.ts'
import { Client } from './pipeline/client.ts'
import type { Gateway } from './pipeline/gateway.ts'
import { type Handled, handle } from './pipeline/handle.ts'
import type { Pricing } from './prices/read-pricing.ts'

export interface Parts {
  readonly gateway: Gateway
  readonly configuration: Configuration
  readonly database: Database
  readonly pricing: Pricing
}

/** What the control plane may see and do. */
export function controlOf(parts: Parts): Control {
  const { gateway, configuration } = parts
  const tests = testPartsOf(parts)
  const inOrder = () => gateway.catalog.connections.toSorted((a, b) => a.priority - b.priority)
  return {
    connections: () => Promise.all(inOrder().map((connection) => standingOf(connection, configuration, gateway))),
    test: async (id, model) => {
      const connection = gateway.catalog.connections.find((each) => each.id === id)
      if (!connection) return undefined
      if (gateway.live.stopping) throw new Problem('shutting_down', 'It makes no more calls.')
      return testConnection(connection, sourceOf(id, configuration), model, tests)
    },
  }
}

async function standingOf(
  connection: Connection,
  configuration: Configuration,
  { catalog, clock, health, limits }: Gateway,
): Promise<ConnectionStanding> {
  const { id } = connection
  const at = clock.now()
  return {
    connection,
    source: sourceOf(id, configuration),
    limits: await limits.standing(catalog.connectionLimits(id), at),
    health: health.report(id, at),
  }
}

/** Who decides about this connection: the file before the database, and both before the box. */
export function sourceOf(id: string, { source, declared }: Configuration): Source {
  const index = source.content.connections.findIndex((entry) => entry.id === id)
  if (index >= 0) {
    const { file, line } = source.document.place(['connections', index])
    return { kind: 'file', file, line }
  }
  return boxedIds.includes(id) && !declared.connections.some((each) => each.id === id)
    ? { kind: 'built-in' }
    : { kind: 'database' }
}

function testPartsOf({ gateway, database, pricing }: Parts): TestParts {
  return {
    clock: gateway.clock,
    perform: (call) => perform(call, gateway),
    addressOf: (call, candidate) => addressOf(call, candidate, gateway),
    likelyModels: async ({ id, provider }) => {
      // What it answered lately it will answer again; with PostgreSQL away there is still the price list.
      const answered = await modelsAnswered(database, id, 1).catch(() => [])
      return [...answered, ...likelyChatModels(pricing, provider)]
    },
    embeds: (provider, model) => {
      const quote = gateway.prices.quote(provider, model, undefined, gateway.clock.now())
      const { input, output } = quote.status === 'default' ? {} : quote.rates(1)
      return /embed/i.test(model) || (input !== undefined && output === undefined)
    },
  }
}

async function perform(call: Call, gateway: Gateway): Promise<Handled> {
  const response = new Unread(new IncomingMessage(new Socket()))
  const client = new Client(response, noWording, { trailers: false, requestId: undefined })
  // Counted like any other, so that a gateway that goes down lets it end.
  gateway.live.calls++
  try {
    return await handle(call, client, gateway)
  } finally {
    gateway.live.calls--
  }
}

function addressOf(call: Call, candidate: Candidate, { providers }: Gateway): string {
  const { connection } = candidate
  const request = providers.get(connection.provider)?.rewrite(call, candidate)
  return `${new URL(connection.baseUrl).origin}${request?.path ?? ''}`
}

const noWording = { error: () => '', errorEvent: () => '', statedEvent: () => undefined }

/** An answer that nobody reads: what there is to tell of a test is told from its row. */
class Unread extends ServerResponse {
  override write(): boolean {
    return true
  }

  override end(): this {
    return this
  }
}
