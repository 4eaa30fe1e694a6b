import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { migrationsFolder, type OpenLedger, visitLedger } from '../assemble-ledger.ts'
import { masterKeyIn } from '../catalog/master-key.ts'
import type { Configuration } from '../config.ts'
import { systemClock } from '../domain/clock.ts'
import { DataDirInUse } from '../ledger/data-dir.ts'
import type { Database } from '../ledger/database.ts'
import { failureOf } from '../ledger/failure.ts'
import { pendingMigrations } from '../ledger/migrations/migrations.ts'
import { openLog } from '../observe/log.ts'
import { CommandFailure, exits } from './output.ts'

/** What a command does with the ledger while it is open. The signal is somebody's Ctrl-C. */
export type Look<T> = (database: Database, interrupted: AbortSignal) => Promise<T>

/** `cut`: Ctrl-C ends it where it is. `ends`: it sees the signal, ends soon, and tells how far it came. */
export type OnInterrupt = 'cut' | 'ends'

/** Whether there is a ledger to look into; an embedded one is made by the first start. */
export function hasLedger({ databaseUrl, dataDir }: Configuration): boolean {
  return databaseUrl !== undefined || existsSync(join(dataDir, 'postgres'))
}

/** The keys that secrets of an existing ledger open with. */
export function masterKeysOf({ masterKeys, dataDir }: Configuration): readonly Buffer[] {
  if (masterKeys) return masterKeys
  const file = join(dataDir, 'master.key')
  if (existsSync(file)) return [masterKeyIn(dataDir)]
  throw new CommandFailure(exits.failure, `${file} is gone, and what is sealed opens with nothing else`, {
    fix: 'restore it from a backup, or set TOLLGATE_MASTER_KEY',
  })
}

/** Opens the ledger of a gateway that was started before, with the schema that this release knows. */
export async function withLedger<T>(
  configuration: Configuration,
  look: Look<T>,
  onInterrupt: OnInterrupt = 'cut',
): Promise<T> {
  if (!hasLedger(configuration)) {
    throw new CommandFailure(exits.unreachable, `there is no ledger in ${configuration.dataDir} yet`, {
      why: 'the first start makes it',
      fix: 'start the gateway with: npm start; or say where its data is: TOLLGATE_DATA_DIR, DATABASE_URL',
    })
  }
  const upToDate: Look<T> = async (database, interrupted) => {
    const pending = await pendingMigrations(database, migrationsFolder)
    if (pending.length > 0) {
      throw new CommandFailure(exits.failure, `the database's schema is behind by ${pending.length}`, {
        why: `not applied yet: ${pending.join(', ')}`,
        fix: 'tollgate migrate, or start the gateway',
      })
    }
    return look(database, interrupted)
  }
  return withAnyLedger(configuration, upToDate, onInterrupt)
}

/** Opens the ledger whatever its schema, and makes the embedded one where there is none. */
export async function withAnyLedger<T>(
  configuration: Configuration,
  look: Look<T>,
  onInterrupt: OnInterrupt = 'cut',
): Promise<T> {
  const { signal, stop } = heedingSignals()
  try {
    const ledger = await opened(configuration)
    try {
      await checked(ledger.database)
      const looking = look(ledger.database, signal)
      return await (onInterrupt === 'ends' ? looking : Promise.race([looking, interrupted(signal)]))
    } catch (error) {
      throw inWords(error, ledger.database)
    } finally {
      await ledger.close()
    }
  } finally {
    stop()
  }
}

/** A terminal's Ctrl-C may reach us twice at once: from the terminal, and from who started us. */
const echoMs = 500

// Heeded, not obeyed at once: an embedded server that was started for a look must not outlive it. Who insists is obeyed.
function heedingSignals(): { readonly signal: AbortSignal; stop(): void } {
  const interrupt = new AbortController()
  let firstMs: number | undefined
  const onSignal = () => {
    const now = systemClock.elapsed()
    firstMs ??= now
    if (now - firstMs > echoMs) process.exit(exits.interrupted)
    interrupt.abort()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const each of signals) process.on(each, onSignal)
  return {
    signal: interrupt.signal,
    stop: () => {
      for (const each of signals) process.off(each, onSignal)
    },
  }
}

async function opened(configuration: Configuration): Promise<OpenLedger> {
  try {
    // A visit that does not unseal needs no master key, and none may make one: it would only hide that the right one is gone.
    const { masterKeys = [] } = configuration
    return await visitLedger({ ...configuration, masterKeys }, systemClock, openLog('warn'))
  } catch (error) {
    if (!(error instanceof DataDirInUse)) throw error
    const who = error.owner ? ` (pid ${error.owner.pid})` : ''
    throw new CommandFailure(exits.unreachable, `the gateway${who} on ${configuration.dataDir} has no database open`, {
      why: 'it is starting, or stopping',
      fix: 'try again in a moment',
    })
  }
}

async function checked(database: Database): Promise<void> {
  await database.check().catch((error: Error) => {
    // Too old is an answer; anything else has a cause.
    throw new CommandFailure(error.cause ? exits.unreachable : exits.failure, error.message, { cause: error })
  })
}

function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(new CommandFailure(exits.interrupted, 'interrupted'))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

function inWords(error: unknown, database: Database): unknown {
  if (error instanceof CommandFailure) return error
  const { code } = failureOf(error)
  if (!/^([0-9A-Z]{5}|E[A-Z]+|CONNECT\w+)$/.test(code)) return error
  const away = /^(08|57P0|53300|E[A-Z]+$|CONN)/.test(code)
  return new CommandFailure(away ? exits.unreachable : exits.failure, database.inWords(error), { cause: error })
}
