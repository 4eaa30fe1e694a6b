import { setTimeout as sleep } from 'node:timers/promises'
import { buildCatalog } from './catalog/build-catalog.ts'
import type { Catalog } from './catalog/catalog.ts'
import { type Configuration, ConfigurationError, describe, FileWatch } from './config.ts'
import { declaredWithStored } from './declared.ts'
import type { Clock } from './domain/clock.ts'
import type { PriceOverride } from './domain/price-override.ts'
import type { CatalogLedger, CatalogRows } from './ledger/configured/catalog-ledger.ts'
import type { Log } from './observe/log.ts'
import { inEffect } from './settings-at-start.ts'
import { LoadedConnections } from './stored-connections.ts'

/**
 * A change has to be in effect within a second everywhere. A file is looked at twice before it is believed, and takes a
 * thread 0.2 s to read, of a thousand connections 1 s.
 */
const fileMs = 200
const ledgerMs = 500

export interface CatalogParts {
  readonly configuration: Configuration
  readonly ledger: Pick<CatalogLedger, 'version' | 'rows' | 'close'>
  readonly masterKeys: readonly Buffer[]
  readonly clock: Clock
  readonly log: Log
}

/** What is in effect, for people. */
export interface CatalogStanding {
  readonly version: number
  /** Milliseconds since the epoch. */
  readonly loadedAt: number
  /** What could not be taken up, and why; `undefined`: everything is as it was declared and stored. */
  readonly problem: string | undefined
  /** Times that the file was changed into one that cannot be used. */
  readonly failures: number
}

/**
 * The snapshot that calls are served from, made anew when the file or the ledger says something else.
 *
 * - There are two halves, the file's and the ledger's, each taken up by a watch of its own; a snapshot is put together of
 *   both in one go, so there are never two in the making, and many changes between two looks are one.
 * - The file is read in a thread of its own, so that no stream waits for it, however long or wrong it is.
 * - A file with mistakes, or a ledger that is away, leaves its half as it was: what works goes on working.
 * - The environment cannot change under a process, and is what it was at the start. So are the few settings that the
 *   journal was opened by; one that was changed is said to wait for the next start.
 */
export class CurrentCatalog {
  readonly #parts: CatalogParts
  readonly #file: FileWatch
  readonly #stored: LoadedConnections
  readonly #stop = new AbortController()
  #configuration: Configuration
  #rows: CatalogRows
  #catalog: Catalog
  #loadedAt: number
  #fileProblem: string | undefined
  #waiting: string | undefined
  #storedProblems: readonly string[] = []
  #failures = 0
  #ledgerAway = false
  #swapped: (next: Catalog, before: Catalog) => void = () => {}
  #watches: readonly Promise<void>[] = []

  private constructor(parts: CatalogParts, rows: CatalogRows) {
    const { configuration, clock } = parts
    this.#parts = parts
    this.#file = new FileWatch(configuration.file.path, configuration.file.digest)
    this.#stored = new LoadedConnections(parts.masterKeys)
    this.#configuration = configuration
    this.#rows = rows
    this.#catalog = this.#build(1)
    this.#loadedAt = clock.now()
  }

  static async open(parts: CatalogParts): Promise<CurrentCatalog> {
    return new CurrentCatalog(parts, await parts.ledger.rows())
  }

  get catalog(): Catalog {
    return this.#catalog
  }

  get configuration(): Configuration {
    return this.#configuration
  }

  /** Other ones only when the ledger has changed. */
  get overrides(): readonly PriceOverride[] {
    return this.#rows.overrides
  }

  standing(): CatalogStanding {
    const problems = [this.#fileProblem, this.#waiting, ...this.#storedProblems].filter((each) => each !== undefined)
    return {
      version: this.#catalog.version,
      loadedAt: this.#loadedAt,
      problem: problems.length === 0 ? undefined : problems.join('\n'),
      failures: this.#failures,
    }
  }

  /** From now on changes are taken up, and `swapped` is told of each new snapshot once it is the one. */
  watch(swapped: (next: Catalog, before: Catalog) => void): void {
    this.#swapped = swapped
    this.#watches = [this.#every(fileMs, () => this.#lookAtFile()), this.#every(ledgerMs, () => this.#lookAtLedger())]
  }

  /** Closes its ledger too, which ends a question that is not answered. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#parts.ledger.close()
    await Promise.all(this.#watches)
  }

  async #every(ms: number, look: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await sleep(ms, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      // A bug in one look must not end the watch: nobody would notice until a key has to be revoked.
      await look().catch((error: unknown) => this.#parts.log.error({ error }, 'a change was not taken up'))
    }
  }

  async #lookAtFile(): Promise<void> {
    if (!(await this.#file.changed())) return
    const next = await this.#reread()
    if (!next) return
    this.#configuration = this.#asStarted(next)
    this.#swap('the configuration file')
  }

  #asStarted(next: Configuration): Configuration {
    const { configuration, log } = this.#parts
    const { settings, waiting } = inEffect(next.declared.settings, configuration.declared.settings)
    const said = waiting.length === 0 ? undefined : `changed, and not in effect before a restart: ${waiting.join(', ')}`
    if (said !== undefined && said !== this.#waiting) log.warn({ waiting }, said)
    this.#waiting = said
    return { ...next, declared: { ...next.declared, settings } }
  }

  async #reread(): Promise<Configuration | undefined> {
    const { signal } = this.#stop
    try {
      const next = await this.#configuration.reread(signal)
      this.#fileProblem = undefined
      return next
    } catch (error) {
      if (signal.aborted) return undefined
      const problems = error instanceof ConfigurationError ? error.problems.map(describe) : [String(error)]
      this.#failures++
      this.#fileProblem = problems.join('\n')
      this.#parts.log.error(
        { problems },
        'the configuration file cannot be used as it is now; what was in effect stays',
      )
      return undefined
    }
  }

  async #lookAtLedger(): Promise<void> {
    const rows = await this.#newRows()
    if (!rows) return
    this.#rows = rows
    this.#swap('the database')
  }

  async #newRows(): Promise<CatalogRows | undefined> {
    const { ledger, log } = this.#parts
    try {
      const rows = (await ledger.version()) === this.#rows.version ? undefined : await ledger.rows()
      if (this.#ledgerAway) log.info({}, 'the database can be asked for changes again')
      this.#ledgerAway = false
      return rows
    } catch (error) {
      // Once: it may be away for long, and everyone else who needs it says so too.
      if (!this.#ledgerAway && !this.#stop.signal.aborted)
        log.warn({ error }, 'the database cannot be asked for changes; keys and connections stay as they are')
      this.#ledgerAway = true
      return undefined
    }
  }

  #swap(from: string): void {
    const before = this.#catalog
    this.#catalog = this.#build(before.version + 1)
    this.#loadedAt = this.#parts.clock.now()
    this.#parts.log.info({ version: this.#catalog.version, from }, 'a change was taken up')
    this.#swapped(this.#catalog, before)
  }

  #build(version: number): Catalog {
    const { keys, connections } = this.#rows
    const owned = new Set(this.#configuration.declared.connections.map(({ id }) => id))
    const rows = connections.filter(({ slug }) => !owned.has(slug))
    const loaded = this.#stored.of(rows, this.#configuration)
    const problems = loaded.flatMap(({ problem }) => problem ?? [])
    for (const problem of problems) if (!this.#storedProblems.includes(problem)) this.#parts.log.error({}, problem)
    this.#storedProblems = problems
    return buildCatalog(declaredWithStored(this.#configuration, keys, loaded), version)
  }
}
