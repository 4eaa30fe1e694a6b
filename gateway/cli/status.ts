import { type Configuration, ConfigurationError } from '../config.ts'
import { version } from '../version.ts'
import { summaryOf } from './config.ts'
import { counted } from './format.ts'
import { paint, print, printJson } from './output.ts'
import { readConfiguration } from './read-configuration.ts'
import { findGateway, type RunningGateway } from './running-gateway.ts'

/** What `tollgate` alone says: how things stand here, and what one would want next. */
export async function showStatus({ json }: { readonly json?: boolean | undefined }): Promise<void> {
  const configuration = configured()
  const problems = configuration instanceof ConfigurationError ? configuration.problems.length : 0
  const read = configuration instanceof ConfigurationError ? undefined : configuration
  const gateway = read && (await findGateway(read))
  if (json) {
    return printJson({
      version,
      gateway: gateway
        ? { address: gateway.address, version: gateway.health.version, status: gateway.health.status }
        : null,
      configuration: { file: read?.configFile ?? null, problems },
      data_dir: read?.dataDir ?? null,
      database: read ? kindOf(read) : null,
    })
  }
  const lines = [
    `Tollgate ${version}`,
    '',
    `  gateway        ${gatewayWords(gateway)}`,
    `  configuration  ${read ? summaryOf(read) : paint('red', `${counted(problems, 'mistake')}: tollgate config validate`)}`,
    ...(read ? [`  data           ${read.dataDir}, ${kindOf(read)} PostgreSQL`] : []),
    '',
    ...nextLines(gateway !== undefined),
    '',
    'tollgate --help lists every command.',
  ]
  print(lines.join('\n'))
}

function configured(): Configuration | ConfigurationError {
  try {
    return readConfiguration()
  } catch (error) {
    if (error instanceof ConfigurationError) return error
    throw error
  }
}

function kindOf({ databaseUrl }: Configuration): 'embedded' | 'external' {
  return databaseUrl === undefined ? 'embedded' : 'external'
}

function gatewayWords(gateway: RunningGateway | undefined): string {
  if (!gateway) return `${paint('yellow', '○')} does not run here`
  const { address, health } = gateway
  const resting = health.connections.filter(({ available }) => !available).length
  const rest = resting > 0 ? `, ${counted(resting, 'connection')} at rest` : ''
  return `${paint(health.status === 'ok' ? 'green' : 'yellow', '●')} ${address} (${health.version}, ${health.status}${rest})`
}

function nextLines(running: boolean): readonly string[] {
  return [
    running ? '  tollgate quickstart   a key, and a call that works' : '  tollgate serve        start the gateway',
    '  tollgate usage tail   what calls used and cost, as they end',
    '  tollgate doctor       what is not right, and what to do about it',
  ]
}
