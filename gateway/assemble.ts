import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildAdminApp } from './admin/app.ts'
import { openControlSocket } from './admin/control-socket.ts'
import { type OpenLedger, openLedger, root } from './assemble-ledger.ts'
import { changedConnections } from './catalog/changed-connections.ts'
import type { Configuration } from './config.ts'
import { controlOf } from './control.ts'
import { CurrentCatalog } from './current-catalog.ts'
import { sandboxId } from './declared.ts'
import { descent } from './descent.ts'
import type { Clock } from './domain/clock.ts'
import type { NanoUsd } from './domain/money.ts'
import { type FirstKey, firstKey } from './first-key.ts'
import { MemoryHealth } from './health/memory-health.ts'
import { buildApp } from './http/app.ts'
import { callDoors } from './http/calls.ts'
import { CallsHere } from './http/calls-here.ts'
import { listen } from './http/listen.ts'
import { JsonlSink } from './journal/jsonl-sink.ts'
import { type OpenJournal, openJournal } from './journal/open-journal.ts'
import { CatalogLedger } from './ledger/configured/catalog-ledger.ts'
import { claimDataDir } from './ledger/data-dir.ts'
import { makeDaysAhead } from './ledger/partitions.ts'
import { startUpkeep } from './ledger/retention/upkeep.ts'
import { UsageLedger } from './ledger/usage.ts'
import { MemoryLimitStore } from './limits/memory/memory-limit-store.ts'
import type { Log } from './observe/log.ts'
import { Metrics } from './observe/metrics.ts'
import { connectionsHealth, opsOf } from './ops.ts'
import { ownUsageOf } from './own-usage-of.ts'
import type { Gateway } from './pipeline/gateway.ts'
import { Headroom } from './pipeline/headroom.ts'
import { LiveAttempts } from './pipeline/live.ts'
import { RefusalFold } from './pipeline/refusals.ts'
import { reprice } from './pipeline/reprice.ts'
import { openPriceBook } from './prices/open-price-book.ts'
import { openOverrides } from './prices/overrides.ts'
import type { PriceBook } from './prices/price-book.ts'
import { type Pricing, readPricing } from './prices/read-pricing.ts'
import { providers } from './providers/index.ts'
import { openSandbox } from './providers/sandbox/server.ts'
import { WorkerTokenizer } from './tokenizer/worker-tokenizer.ts'
import { Upstreams } from './upstream/upstreams.ts'

export interface Running {
  readonly address: string
  readonly ledger: OpenLedger['kind']
  /** The key the installation began with; `undefined` where the file declares the keys. */
  readonly firstKey: FirstKey | undefined
  /** Stops saying that it is ready; what comes all the same is served. */
  resign(): void
  /** Takes no more calls, lets those under way end for up to `patienceMs`, delivers, and leaves nothing running. */
  close(patienceMs: number): Promise<void>
  /** Shortens the patience of a close that is under way. */
  hurry(patienceMs: number): void
}

/** Configuration in, a running gateway out. The only place that chooses what stands behind a seam. */
export async function assemble(configuration: Configuration, clock: Clock, log: Log): Promise<Running> {
  // Closed in the opposite order, whether the start fails half way or the gateway goes down.
  const opened = new AsyncDisposableStack()
  try {
    const home = claimDataDir(configuration.dataDir, clock)
    opened.defer(() => home.release())
    const ledger = await openLedger(configuration, home, clock, log)
    opened.defer(() => ledger.close())
    const first = await keyToBeginWith(configuration, ledger, clock)
    const pricing = readPricing(new URL('pricing/', root))
    const sockets = socketFolder(home.path, opened)
    const parts = { configuration, dataDir: home.path, sockets, ledger, clock, log, opened }
    const current = await openCatalog(parts)
    const prices = pricesOf(pricing, current)
    const journal = await startJournal({ prices, current }, parts)
    const gateway = await gatewayOf({ current, prices, journal }, parts)

    let ready = true
    const here = new CallsHere()
    const app = buildApp({
      gateway,
      here,
      usage: ownUsageOf(ledger.database),
      ops: opsOf({ gateway, journal, ledger, configuration: () => current.standing(), ready: () => ready }),
    })
    const { database } = ledger
    const controlled = { gateway, journal, configuration: () => current.configuration, database, pricing }
    const control = buildAdminApp(controlOf(controlled), log)
    const controlSocket = await openControlSocket(control, { dataDir: home.path, socketFolder: sockets })
    opened.defer(() => controlSocket.close())
    const listener = await listen({ doors: callDoors(gateway, here), app }, configuration.host, configuration.port)
    home.announce(listener.address)
    const resign = () => {
      ready = false
    }
    return {
      address: listener.address,
      ledger: ledger.kind,
      firstKey: first,
      resign,
      ...descent(listener, gateway, opened),
    }
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

async function keyToBeginWith(
  { declared }: Configuration,
  { database, masterKeys }: OpenLedger,
  clock: Clock,
): Promise<FirstKey | undefined> {
  // Whoever declares keys hands them out; one more that nobody asked for would be a door left open.
  return declared.keys.length > 0 ? undefined : await firstKey(database, masterKeys, clock)
}

interface Parts {
  readonly configuration: Configuration
  readonly dataDir: string
  /** Where its unix sockets are. */
  readonly sockets: string
  readonly ledger: OpenLedger
  readonly clock: Clock
  readonly log: Log
  readonly opened: AsyncDisposableStack
}

async function openCatalog({ configuration, ledger, clock, log, opened }: Parts): Promise<CurrentCatalog> {
  const rows = new CatalogLedger(ledger.database)
  opened.defer(() => rows.close())
  const { masterKeys } = ledger
  const current = await CurrentCatalog.open({ configuration, ledger: rows, masterKeys, clock, log })
  opened.defer(() => current.close())
  return current
}

/** The price book of the moment: what an unknown model costs is a setting, and overrides come and go. */
function pricesOf(pricing: Pricing, current: CurrentCatalog): () => PriceBook {
  const listed = remade((defaultPerMtok: NanoUsd) => openPriceBook(pricing, { defaultPerMtok }))
  const priced = remade(openOverrides)
  return () => priced(listed(current.catalog.settings.defaultPricePerMtok), current.overrides)
}

/** What was made last, until it would be made from something else. */
function remade<From extends readonly unknown[], Made>(make: (...from: From) => Made): (...from: From) => Made {
  let last: { readonly from: From; readonly made: Made } | undefined
  return (...from) => {
    if (!last?.from.every((part, i) => part === from[i])) last = { from, made: make(...from) }
    return last.made
  }
}

async function startJournal(
  { prices, current }: Omit<GatewayParts, 'journal'>,
  { dataDir, ledger, clock, log, opened }: Parts,
): Promise<OpenJournal> {
  await makeDaysAhead(ledger.database, clock)
  const rows = new UsageLedger(ledger.database, clock, { log })
  opened.defer(() => rows.close())
  const upkeep = startUpkeep({
    ...{ database: ledger.database, clock, log },
    retention: () => current.catalog.settings.retention,
  })
  opened.defer(() => upkeep.close())
  const { usageFolder } = current.catalog.settings
  const sinks = { postgres: rows, ...(usageFolder !== undefined && { jsonl: new JsonlSink(usageFolder) }) }
  const journal = await openJournal({
    dir: join(dataDir, 'journal'),
    clock,
    log,
    sinks,
    policy: () => current.catalog.settings.journal,
    reprice: (row) => reprice(row, prices(), current.catalog.settings),
  })
  opened.defer(() => journal.close())
  return journal
}

interface GatewayParts {
  readonly current: CurrentCatalog
  readonly prices: () => PriceBook
  readonly journal: OpenJournal
}

async function gatewayOf({ current, prices, journal }: GatewayParts, parts: Parts): Promise<Gateway> {
  const { sockets, clock, log, opened } = parts
  const sandboxSocket = await startSandbox(sockets, clock, opened)
  const upstreams = new Upstreams(new Map([[sandboxOrigin(), sandboxSocket]]), process.env)
  opened.defer(() => upstreams.close())
  const tokenizer = new WorkerTokenizer(new URL(tokenizerWorker(import.meta.url), import.meta.url))
  opened.defer(() => tokenizer.close())
  const live = new LiveAttempts(() => clock.elapsed())
  opened.defer(() => live.close())

  const refusals = new RefusalFold(
    (row) => journal.row(row),
    () => clock.now(),
  )
  const gateway: Gateway = {
    clock,
    get catalog() {
      return current.catalog
    },
    providers,
    limits: new MemoryLimitStore(),
    health: new MemoryHealth(() => gateway.catalog.settings.health),
    headroom: new Headroom(),
    get prices() {
      return prices()
    },
    journal,
    tokenizer,
    live,
    refusals,
    metrics: new Metrics({
      live: () => live.size,
      journal: () => journal.standing(),
      configuration: () => current.standing(),
      connections: () => connectionsHealth(gateway),
    }),
    log,
    upstream: (connection, fresh) => upstreams.of(connection, fresh),
    diedIdle: (error) => upstreams.diedIdle(error),
  }
  journal.watch((flush) => gateway.metrics.flushed(flush))
  upstreams.serve(current.catalog.connections)
  current.watch((next, before) => {
    upstreams.serve(next.connections)
    for (const id of changedConnections(next, before)) gateway.health.forget(id)
  })
  const housekeeping = setInterval(() => keepHouse(gateway, refusals), housekeepingMs).unref()
  opened.defer(() => {
    clearInterval(housekeeping)
    refusals.flush(true)
  })
  return gateway
}

/** The sandbox's server, on a socket that only we may open. Returns the socket's path. */
async function startSandbox(folder: string, clock: Clock, opened: AsyncDisposableStack): Promise<string> {
  const socketPath = join(folder, 'sandbox.sock')
  const server = await openSandbox({ socketPath, clock })
  opened.defer(() => server.close())
  return socketPath
}

/** The kernel takes socket paths of 107 bytes; a data directory deeper than that has its sockets in a temporary one. */
const folderBytesMax = 90

function socketFolder(dataDir: string, opened: AsyncDisposableStack): string {
  if (Buffer.byteLength(dataDir) <= folderBytesMax) return dataDir
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-'))
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Whoever connects to the sandbox's address is led to its socket. */
function sandboxOrigin(): string {
  return new URL(providers.get(sandboxId)?.baseUrl ?? '').origin
}

/** From source the worker is a module among others, bundled it is a file of its own. */
function tokenizerWorker(here: string): string {
  return here.endsWith('.ts') ? './tokenizer/worker.ts' : './tokenizer-worker.js'
}

const housekeepingMs = 1_000

/** Leases of attempts that are gone, and refusals that were folded. */
function keepHouse({ limits, clock, log }: Gateway, refusals: RefusalFold): void {
  limits.sweep(clock.now()).catch((error: unknown) => log.warn({ error }, 'leases were not swept'))
  refusals.flush()
}
