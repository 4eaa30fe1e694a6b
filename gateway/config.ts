import { resolve } from 'node:path'
import type { Environment } from './config/document.ts'
import type { BuiltIn, Preset } from './config/finding.ts'
import { laterVariables } from './config/later.ts'
import type { ConfigurationSource } from './config/print.ts'
import { ConfigurationError, onePerPath, type Problem } from './config/problem.ts'
import { readAside } from './config/read-aside.ts'
import { type DeclarationsInput, type FileDeclarations, readDeclarations } from './config/read-declarations.ts'
import { readVariables, type Variables } from './config/variables.ts'

export { FileWatch } from './config/file-watch.ts'
export { configSchema } from './config/json-schema.ts'
export { readConnection } from './config/one-connection.ts'
export { printConfig } from './config/print.ts'
export { ConfigurationError, describe } from './config/problem.ts'

/** Everything that can be set, read once and checked through; a reload makes another one. */
export interface Configuration extends FileDeclarations {
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
  /**
   * Reads the file again, in another thread; throws as `loadConfig` does. A file that was there has to be there still.
   * The environment cannot change under a process, and is what it was.
   */
  reread(signal: AbortSignal): Promise<Configuration>
}

export interface LoadedConfiguration extends Configuration {
  /** What was read, for `config print`. */
  readonly source: ConfigurationSource
}

export interface ConfigurationInput {
  readonly env: Environment
  readonly cwd: string
  /** What a connection can start from, by the provider's id. */
  readonly providers: ReadonlyMap<string, Preset>
  /** Ids of what is there without being declared, so that limits may name it. */
  readonly builtIn?: BuiltIn | undefined
}

/** Reads the environment and the file. Throws a `ConfigurationError` with every problem of both. */
export function loadConfig(input: ConfigurationInput): LoadedConfiguration {
  const { env, cwd, providers, builtIn = { connections: [], keys: [] } } = input
  const { variables, problems } = readVariables(env)
  const { TOLLGATE_CONFIG: named, TOLLGATE_TIMEZONE: timezone } = variables
  const dataDir = resolve(cwd, variables.TOLLGATE_DATA_DIR)
  const fileInput = { env, cwd, named, timezone, dataDir, before: false, providers, builtIn }
  const read = readDeclarations(fileInput)
  const wrong = onePerPath([...problems, ...missingMasterKey(env), ...laterVariables(env)])
  if ('problems' in read) throw new ConfigurationError([...wrong, ...read.problems])
  if (wrong.length > 0) throw new ConfigurationError(wrong)
  const { declarations, content, document } = read
  return {
    ...configurationOf(variables, declarations, fileInput),
    source: { env, variables, content, document },
  }
}

function configurationOf(
  variables: Variables,
  declarations: FileDeclarations,
  fileInput: DeclarationsInput,
): Configuration {
  return {
    host: variables.HOST,
    port: variables.PORT,
    databaseUrl: variables.DATABASE_URL,
    dataDir: fileInput.dataDir,
    masterKeys: variables.TOLLGATE_MASTER_KEY,
    timezone: variables.TOLLGATE_TIMEZONE,
    logLevel: variables.LOG_LEVEL,
    ...declarations,
    reread: async (signal) => {
      const input = { ...fileInput, before: declarations.configFile !== undefined }
      return configurationOf(variables, await readAside(input, signal), fileInput)
    },
  }
}

// A key made in one replica's data directory could not open what another has sealed into the shared database.
function missingMasterKey(env: Environment): readonly Problem[] {
  if (!env['DATABASE_URL']?.trim() || env['TOLLGATE_MASTER_KEY']?.trim()) return []
  const message =
    'found nothing, expected 32 bytes in base64, because DATABASE_URL is set; make them with: openssl rand -base64 32'
  return [{ path: 'TOLLGATE_MASTER_KEY', message }]
}
