import { fileURLToPath } from 'node:url'
import { masterKeyIn } from './catalog/master-key.ts'
import type { Configuration } from './config.ts'
import type { Clock } from './domain/clock.ts'
import { claimDataDir, type DataDir, DataDirInUse } from './ledger/data-dir.ts'
import { type Database, openDatabase } from './ledger/database.ts'
import { openEmbedded, runningEmbedded } from './ledger/embedded/open.ts'
import { migrate } from './ledger/migrations/migrations.ts'
import type { Log } from './observe/log.ts'

/** gateway/*.ts and the bundle's dist/*.js both lie one level below the package's root. */
export const root = new URL('../', import.meta.url)
export const migrationsFolder = fileURLToPath(new URL('migrations', root))

/** The database, whoever runs it, and the key that secrets in it are sealed with. */
export interface OpenLedger {
  readonly database: Database
  readonly masterKeys: readonly Buffer[]
  /** `embedded`: ours, in the data directory. */
  readonly kind: 'embedded' | 'external'
  close(): Promise<void>
}

/**
 * Opens the ledger for a gateway: the server that `DATABASE_URL` names, else the embedded one, which is started. The
 * schema is brought up to date.
 */
export async function openLedger(
  configuration: Configuration,
  home: DataDir,
  clock: Clock,
  log: Log,
): Promise<OpenLedger> {
  const { databaseUrl } = configuration
  const embedded = databaseUrl === undefined ? await openEmbedded({ home, clock, log }) : undefined
  const database = openDatabase(databaseUrl ?? embedded?.address ?? '')
  const close = async () => {
    await database.close()
    await embedded?.close()
  }
  try {
    await database.check()
    await migrate(database, migrationsFolder, {
      applied: (migration, ms) => log.info({ migration, ms: Math.round(ms) }, 'applied a migration'),
      waiting: (migration, nextTryMs) =>
        log.warn({ migration, nextTryMs }, 'a migration waits for a lock that somebody holds'),
      newer: (migrations) => log.warn({ migrations }, 'a newer release was here; its schema works with this one'),
    })
    return { database, masterKeys: masterKeysOf(configuration, home.path), kind: kindOf(configuration), close }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * Opens the ledger from beside a gateway, as the CLI does: the server that is there, or, where no gateway runs, the
 * embedded one for as long as it is needed. The schema is left as it is.
 */
export async function visitLedger(configuration: Configuration, clock: Clock, log: Log): Promise<OpenLedger> {
  const { databaseUrl, dataDir } = configuration
  const opened = new AsyncDisposableStack()
  try {
    const address = databaseUrl ?? (await embeddedAddress(dataDir, clock, log, opened))
    const database = openDatabase(address)
    opened.defer(() => database.close())
    const masterKeys = masterKeysOf(configuration, dataDir)
    return { database, masterKeys, kind: kindOf(configuration), close: () => opened.disposeAsync() }
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

async function embeddedAddress(dataDir: string, clock: Clock, log: Log, opened: AsyncDisposableStack) {
  try {
    const home = claimDataDir(dataDir, clock)
    opened.defer(() => home.release())
    const embedded = await openEmbedded({ home, clock, log })
    opened.defer(() => embedded.close())
    return embedded.address
  } catch (error) {
    const running = error instanceof DataDirInUse ? runningEmbedded(dataDir) : undefined
    if (!running) throw error
    return running
  }
}

function kindOf({ databaseUrl }: Configuration): OpenLedger['kind'] {
  return databaseUrl === undefined ? 'embedded' : 'external'
}

function masterKeysOf({ masterKeys }: Configuration, dataDir: string): readonly Buffer[] {
  return masterKeys ?? [masterKeyIn(dataDir)]
}
