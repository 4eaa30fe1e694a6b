import { resolve } from 'node:path'
import type { Declared } from './catalog/catalog.ts'
import { type ConnectionDefaults, declare, type Organisation, type User, withAddresses } from './config/declare.ts'
import type { Environment } from './config/document.ts'
import type { Preset, Surroundings } from './config/finding.ts'
import { laterVariables } from './config/later.ts'
import type { ConfigurationSource } from './config/print.ts'
import { ConfigurationError, onePerPath, type Problem } from './config/problem.ts'
import { readConfigFile } from './config/read-file.ts'
import { readVariables, type Variables } from './config/variables.ts'

export type { ConnectionDefaults, Organisation, User } from './config/declare.ts'
export { FileWatch } from './config/file-watch.ts'
export { configSchema } from './config/json-schema.ts'
export { readConnection } from './config/one-connection.ts'
export { printConfig } from './config/print.ts'
export { ConfigurationError, describe } from './config/problem.ts'

/** Everything that can be set, read once and checked through; a reload makes another one. */
export interface Configuration {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** `undefined`: the embedded database in the data directory. */
  readonly databaseUrl: string | undefined
  /** Absolute. */
  readonly dataDir: string
  /** 32 bytes each; the first seals, any opens. `undefined`: generated beside the embedded database. */
  readonly masterKeys: readonly Buffer[] | undefined
  readonly timezone: string
  readonly logLevel: Variables['LOG_LEVEL']
  /** Absolute; `undefined` where there is none. */
  readonly configFile: string | undefined
  /** Where the file is or would be, and the digest of what was read there. */
  readonly file: { readonly path: string; readonly digest: string | undefined }
  readonly declared: Declared
  readonly organisations: readonly Organisation[]
  readonly users: readonly User[]
  /** For connections that come with the box instead of the file. */
  readonly connectionDefaults: ConnectionDefaults
  /** What was read, for `config print`. */
  readonly source: ConfigurationSource
  /** Reads everything again; throws as `loadConfig` does. A file that was there has to be there still. */
  reread(): Configuration
}

export interface ConfigurationInput {
  readonly env: Environment
  readonly cwd: string
  /** What a connection can start from, by the provider's id. */
  readonly providers: ReadonlyMap<string, Preset>
  /** Ids of what is there without being declared, so that limits may name it. */
  readonly builtIn?: Surroundings['builtIn'] | undefined
}

/** Reads the environment and the file. Throws a `ConfigurationError` with every problem of both. */
export function loadConfig(input: ConfigurationInput): Configuration {
  return load(input, false)
}

function load(input: ConfigurationInput, before: boolean): Configuration {
  const { env, cwd, providers, builtIn = { connections: [], keys: [] } } = input
  const { variables, problems } = readVariables(env)
  const file = readConfigFile({ env, cwd, named: variables.TOLLGATE_CONFIG, before, providers, builtIn })
  const all = [...problems, ...missingMasterKey(env), ...laterVariables(env), ...file.problems]
  if (file.content === undefined || all.length > 0) throw new ConfigurationError(onePerPath(all))
  const { path, digest, document } = file
  const content = withAddresses(file.content, providers)
  return {
    host: variables.HOST,
    port: variables.PORT,
    databaseUrl: variables.DATABASE_URL,
    dataDir: resolve(cwd, variables.TOLLGATE_DATA_DIR),
    masterKeys: variables.TOLLGATE_MASTER_KEY,
    timezone: variables.TOLLGATE_TIMEZONE,
    logLevel: variables.LOG_LEVEL,
    configFile: digest === undefined ? undefined : path,
    file: { path, digest },
    ...declare(content, variables.TOLLGATE_TIMEZONE),
    source: { env, variables, content, document },
    reread: () => load(input, digest !== undefined),
  }
}

// A key made in one replica's data directory could not open what another has sealed into the shared database.
function missingMasterKey(env: Environment): readonly Problem[] {
  if (!env['DATABASE_URL']?.trim() || env['TOLLGATE_MASTER_KEY']?.trim()) return []
  const message =
    'found nothing, expected 32 bytes in base64, because DATABASE_URL is set; make them with: openssl rand -base64 32'
  return [{ path: 'TOLLGATE_MASTER_KEY', message }]
}
