import { createServer } from 'node:net'
import type { Configuration } from '../../config.ts'
import { configuredAddress } from '../configuration.ts'
import { askHealth, type RunningGateway } from '../running.ts'
import { type Check, failed, ok, warning } from './check.ts'

/** Whether a gateway could listen where it is to, or who does. */
export async function checkPort(configuration: Configuration, gateway: RunningGateway | undefined): Promise<Check> {
  const { host, port } = configuration
  const address = configuredAddress(configuration)
  if (address === undefined) return ok('port', 'a free one, at each start')
  if (gateway && new URL(gateway.address).port === new URL(address).port) return ok('port', `ours: ${gateway.address}`)
  const problem = await listening(host, port)
  if (problem === undefined) return ok('port', `${port} at ${host}, free`)
  if (problem !== 'EADDRINUSE') {
    return failed(
      'port',
      `${host}:${port} cannot be listened on (${problem})`,
      'set HOST to an address of this machine, PORT to one above 1023',
    )
  }
  const other = await askHealth(address)
  const who = other ? `another Tollgate (${other.version}), with a data directory of its own` : 'another program'
  return failed('port', `${address} is taken by ${who}`, 'stop it, or set PORT')
}

/** What the running gateway says of itself. */
export function checkGateway(gateway: RunningGateway | undefined, release: string): readonly Check[] {
  if (!gateway) return [ok('gateway', 'does not run; started with: npm start')]
  const { address, health } = gateway
  const { connections, journal, database, version } = health
  const checks: Check[] = [
    version === release
      ? ok('gateway', `${version} at ${address}: ${health.status}`)
      : warning('gateway', `${version} at ${address}, and this is ${release}`, 'start it again with this release'),
  ]
  const resting = connections.filter(({ available }) => !available).map(({ id, reason }) => `${id} (${reason})`)
  if (resting.length > 0) {
    checks.push(warning('connections', `resting: ${resting.join(', ')}`, 'tollgate connections list says for how long'))
  } else checks.push(ok('connections', `${connections.length}, none at rest`))
  if (database?.reachable === false) {
    checks.push(warning('gateway database', database.problem ?? 'away', 'rows wait in the journal until it is back'))
  }
  checks.push(journalCheck(journal))
  return checks
}

function journalCheck({ pendingRows = 0, quarantined = 0 }: RunningGateway['health']['journal']): Check {
  const found = `${pendingRows} rows wait, ${quarantined} were refused by PostgreSQL`
  if (quarantined === 0) return ok('journal', found)
  return warning('journal', found, 'the log says why; they are kept in the journal folder')
}

function listening(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
}
