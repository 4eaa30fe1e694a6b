import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type OpenLedger, openLedger, root } from './assemble-ledger.ts'
import { buildCatalog } from './catalog/build-catalog.ts'
import type { Declared } from './catalog/catalog.ts'
import type { Configuration } from './config.ts'
import { declaredWithStored, sandboxId } from './declared.ts'
import type { Clock } from './domain/clock.ts'
import { type FirstKey, firstKey } from './first-key.ts'
import { MemoryHealth } from './health/memory-health.ts'
import { buildApp } from './http/app.ts'
import { type Listener, listen } from './http/listen.ts'
import { type OpenJournal, openJournal } from './journal/open-journal.ts'
import { claimDataDir } from './ledger/data-dir.ts'
import { listKeys } from './ledger/keys.ts'
import { makeDaysAhead } from './ledger/partitions.ts'
import { requestOf } from './ledger/requests.ts'
import { UsageLedger } from './ledger/usage.ts'
import { usageOf } from './ledger/usage-queries.ts'
import { MemoryLimitStore } from './limits/memory/memory-limit-store.ts'
import type { Log } from './observe/log.ts'
import { Metrics } from './observe/metrics.ts'
import type { Gateway } from './pipeline/gateway.ts'
import { LiveAttempts } from './pipeline/live.ts'
import { RefusalFold } from './pipeline/refusals.ts'
import { openPriceBook } from './prices/open-price-book.ts'
import { readPricing } from './prices/read-pricing.ts'
import { providers } from './providers/index.ts'
import { openSandbox } from './providers/sandbox/server.ts'
import { WorkerTokenizer } from './tokenizer/worker-tokenizer.ts'
import { Upstreams } from './upstream/upstreams.ts'
import { version } from './version.ts'

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
  const undo: (() => unknown)[] = []
  try {
    const home = claimDataDir(configuration.dataDir, clock)
    undo.push(() => home.release())
    // Read while PostgreSQL starts: neither waits for the other.
    const ledgerOpening = openLedger(configuration, home, clock, log)
    const pricing = readPricing(new URL('pricing/', root))
    const ledger = await ledgerOpening
    undo.push(() => ledger.close())
    const first = await keyToBeginWith(configuration, ledger, clock)
    await makeDaysAhead(ledger.database, clock)

    const rows = new UsageLedger(ledger.database, clock)
    const journal = await openJournal({ dir: join(home.path, 'journal'), clock, sink: rows, log })
    undo.push(async () => {
      await journal.close()
      await rows.close()
    })
    const sandbox = await startSandbox(clock)
    undo.push(() => sandbox.close())
    const upstreams = new Upstreams(new Map([[sandboxId, sandbox.socketPath]]), process.env)
    undo.push(() => upstreams.close())
    const tokenizer = new WorkerTokenizer(new URL(tokenizerWorker(import.meta.url), import.meta.url))
    undo.push(() => tokenizer.close())

    const declared = declaredWithStored(configuration, await listKeys(ledger.database))
    const live = new LiveAttempts(() => clock.elapsed())
    const refusals = new RefusalFold(
      (row) => journal.row(row),
      () => clock.now(),
    )
    const gateway: Gateway = {
      clock,
      catalog: buildCatalog(declared, 1),
      providers,
      limits: new MemoryLimitStore(),
      health: new MemoryHealth(),
      prices: openPriceBook(pricing, { defaultPerMtok: declared.settings.defaultPricePerMtok }),
      journal,
      tokenizer,
      live,
      refusals,
      metrics: new Metrics({ live: () => live.size, journal: () => journal.standing() }),
      log,
      upstream: (connection) => upstreams.of(connection),
    }
    const housekeeping = setInterval(() => keepHouse(gateway), 1_000).unref()
    undo.push(() => {
      clearInterval(housekeeping)
      live.close()
      refusals.flush(true)
    })
    const state = { ready: true }
    const app = buildApp({
      gateway,
      usage: {
        request: (key, call) => requestOf(ledger.database, key, call),
        usage: (key, { from, to, timeZone }, groupBy) =>
          usageOf(ledger.database, { filter: { key }, from, to, timeZone, ...(groupBy && { groupBy }) }),
      },
      ops: opsOf(gateway, journal, ledger, state, declared),
    })
    const listener = await listen(app, configuration.host, configuration.port)
    home.announce(listener.address)
    return {
      address: listener.address,
      ledger: ledger.kind,
      firstKey: first,
      resign: () => {
        state.ready = false
      },
      ...closing(listener, live, clock, undo),
    }
  } catch (error) {
    await unwind(undo)
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

/** The sandbox's server, on a socket in a directory that only we may enter. */
async function startSandbox(clock: Clock): Promise<{ readonly socketPath: string; close(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'tollgate-'))
  const socketPath = join(directory, 'sandbox')
  const server = await openSandbox({ socketPath, clock })
  return {
    socketPath,
    close: async () => {
      await server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** From source the worker is a module among others, bundled it is a file of its own. */
function tokenizerWorker(here: string): string {
  return here.endsWith('.ts') ? './tokenizer/worker.ts' : './tokenizer-worker.js'
}

/** Once a second: leases of attempts that are gone, and refusals that were folded. */
function keepHouse({ limits, clock, refusals, log }: Gateway): void {
  limits.sweep(clock.now()).catch((error: unknown) => log.warn({ error }, 'leases were not swept'))
  try {
    refusals.flush()
  } catch (error) {
    log.error({ error }, 'folded refusals could not be written')
  }
}

function opsOf(
  gateway: Gateway,
  journal: OpenJournal,
  ledger: OpenLedger,
  state: { ready: boolean },
  declared: Declared,
) {
  return {
    ready: () => (state.ready ? ({ ready: true } as const) : ({ ready: false, reason: 'going down' } as const)),
    metrics: async () => ({ contentType: gateway.metrics.contentType, text: await gateway.metrics.text() }),
    health: async () => ({
      status: state.ready ? 'ok' : 'draining',
      version,
      connections: declared.connections.map(({ id, provider, status }) => {
        const standing = gateway.health.standing(id, gateway.clock.now())
        return { id, provider, status, ...standing }
      }),
      database: { kind: ledger.kind, ...(await reachable(ledger)) },
      journal: journal.standing(),
      live_attempts: gateway.live.size,
    }),
  }
}

const healthPatienceMs = 1_000

async function reachable({ database }: OpenLedger): Promise<{ reachable: boolean; problem?: string }> {
  try {
    const answered = database.check().then(() => true)
    const late = sleep(healthPatienceMs, false)
    return (await Promise.race([answered, late]))
      ? { reachable: true }
      : { reachable: false, problem: 'no answer in time' }
  } catch (error) {
    return { reachable: false, problem: database.inWords(error) }
  }
}

function closing(
  listener: Listener,
  live: LiveAttempts,
  clock: Clock,
  undo: (() => unknown)[],
): Pick<Running, 'close' | 'hurry'> {
  let deadlineMs = Number.POSITIVE_INFINITY
  let closed: Promise<void> | undefined
  const close = async () => {
    listener.stop()
    while (live.calls > 0 && clock.elapsed() < deadlineMs) await sleep(20)
    live.stopAll()
    const lastWordsMs = clock.elapsed() + 5_000
    while (live.calls > 0 && clock.elapsed() < lastWordsMs) await sleep(20)
    listener.cut()
    await listener.closed
    await unwind(undo)
  }
  const hurry = (patienceMs: number) => {
    deadlineMs = Math.min(deadlineMs, clock.elapsed() + patienceMs)
  }
  return {
    hurry,
    close: (patienceMs) => {
      hurry(patienceMs)
      return (closed ??= close())
    },
  }
}

/** What was opened last is closed first; one that cannot be closed keeps nobody else open. */
async function unwind(undo: (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (let step = undo.pop(); step; step = undo.pop()) {
    try {
      await step()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed')
}
