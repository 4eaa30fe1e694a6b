import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type TestParts, testConnection } from './admin/connection-test.ts'
import type { ConnectionStanding, Control } from './admin/control.ts'
import { Problem } from './admin/problem.ts'
import type { Configuration } from './config.ts'
import { sourceOf } from './connection-source.ts'
import type { Call } from './domain/call.ts'
import type { Candidate, Connection } from './domain/connection.ts'
import type { Journal } from './journal/journal.ts'
import { listConnections } from './ledger/configured/connections.ts'
import { modelsAnswered } from './ledger/connection-traffic.ts'
import type { Database } from './ledger/database.ts'
import { rowsSince } from './ledger/retention/rows-since.ts'
import { likelyChatModels } from './likely-models.ts'
import { Client } from './pipeline/client.ts'
import type { Gateway } from './pipeline/gateway.ts'
import { type Handled, handle } from './pipeline/handle.ts'
import { ingest } from './pipeline/ingest.ts'
import type { Pricing } from './prices/read-pricing.ts'

const databasePatienceMs = 1_000

export interface Parts {
  readonly gateway: Gateway
  readonly journal: Pick<Journal, 'take'>
  /** As it is now: a reload makes another one. */
  readonly configuration: () => Configuration
  readonly database: Database
  readonly pricing: Pricing
}

/** What the control plane may see and do. */
export function controlOf(parts: Parts): Control {
  const { gateway, journal, database } = parts
  const tests = testPartsOf(parts)
  return {
    connections: async () => {
      const inOrder = gateway.catalog.connections.toSorted((a, b) => a.priority - b.priority)
      const stored = await storedNames(parts)
      return Promise.all(inOrder.map((connection) => standingOf(connection, stored, parts)))
    },
    test: async (id, model) => {
      const connection = gateway.catalog.connections.find((each) => each.id === id)
      if (!connection) return undefined
      if (gateway.live.stopping) throw new Problem('shutting_down', 'It makes no more calls.')
      const source = sourceOf(id, (await storedNames(parts)).has(id), parts.configuration())
      return testConnection(connection, source, model, tests)
    },
    ingest: async (records, dryRun) => {
      // Its journal is about to be closed.
      if (gateway.live.stopping) throw new Problem('shutting_down', 'It takes no more usage.')
      const { catalog, clock, prices } = gateway
      return ingest(records, dryRun, { catalog, clock, prices, journal, rowsSince: () => inTime(rowsSince(database)) })
    },
  }
}

async function standingOf(
  connection: Connection,
  stored: ReadonlyMap<string, string | null>,
  { configuration, gateway: { catalog, clock, health, limits } }: Parts,
): Promise<ConnectionStanding> {
  const { id } = connection
  const at = clock.now()
  return {
    connection,
    name: stored.get(id) ?? id,
    source: sourceOf(id, stored.has(id), configuration()),
    limits: await limits.standing(catalog.connectionLimits(id), at),
    health: health.report(id, at),
  }
}

/**
 * What people call the connections that are stored, by their ids. Calls have no use for it, so the catalog does not know
 * it; while PostgreSQL is away nobody does.
 */
async function storedNames({ database }: Parts): Promise<ReadonlyMap<string, string | null>> {
  const stored = await inTime(listConnections(database))
  return new Map(stored?.map(({ slug, name }) => [slug, name]))
}

/** What PostgreSQL says; `undefined` where it is away, or takes too long. */
function inTime<T>(asked: Promise<T>): Promise<T | undefined> {
  const answered = asked.catch(() => undefined)
  return Promise.race([answered, sleep(databasePatienceMs, undefined, { ref: false })])
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
      const quote = gateway.prices.quote({ provider, model, at: gateway.clock.now() })
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
