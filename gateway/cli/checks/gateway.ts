import { createServer } from 'node:net'
import type { Configuration } from '../../config.ts'
import { systemClock } from '../../domain/clock.ts'
import { claimDataDir, DataDirInUse, dataDirOwner } from '../../ledger/data-dir.ts'
import { version as release } from '../../version.ts'
import { counted, duration } from '../format.ts'
import { configuredAddress } from '../read-configuration.ts'
import { askHealth, findGateway, type Health, type RunningGateway } from '../running-gateway.ts'
import { type Check, failed, ok, warning, wordsOf } from './check.ts'

/** Rows are delivered several times a second. */
const lateMs = 60_000

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

/** The gateway that runs here, and what it says of itself. */
export async function checkGateway(
  configuration: Configuration,
): Promise<{ readonly running: RunningGateway | undefined; readonly checks: readonly Check[] }> {
  try {
    const running = await findGateway(configuration)
    if (running) return { running, checks: checksOf(running) }
    return { running, checks: [absentCheck(configuration)] }
  } catch (error) {
    return { running: undefined, checks: [failed('gateway', wordsOf(error), 'start it, or correct TOLLGATE_URL')] }
  }
}

// Who holds the data directory runs, whether it answers or not; who is only named there was killed.
function absentCheck({ dataDir }: Configuration): Check {
  const owner = dataDirOwner(dataDir)
  if (!owner) return ok('gateway', 'does not run; started with: npm start')
  const who = `pid ${owner.pid}, since ${owner.started_at}`
  try {
    claimDataDir(dataDir, systemClock).release()
    return warning('gateway', `does not run; the last one was killed (${who})`, 'start it: npm start')
  } catch (error) {
    if (!(error instanceof DataDirInUse)) return failed('gateway', wordsOf(error), 'let this user write there')
    if (owner.address === undefined) return warning('gateway', `is starting (${who})`, 'try again in a moment')
    return failed(
      'gateway',
      `runs and does not answer at ${owner.address} (${who})`,
      'its log says why; start it again',
    )
  }
}

function checksOf({ address, health }: RunningGateway): readonly Check[] {
  const { connections, journal, database, version } = health
  const resting = connections.filter(({ available }) => !available).map(({ id, reason }) => `${id} (${reason})`)
  return [
    version === release
      ? ok('gateway', `${version} at ${address}: ${health.status}`)
      : warning('gateway', `${version} at ${address}, and this is ${release}`, 'start it again with this release'),
    resting.length === 0
      ? ok('connections', `${connections.length}, none at rest`)
      : warning(
          'connections',
          `resting: ${resting.join(', ')}`,
          'tollgate monitor says why, connections show <id> for how long',
        ),
    ...(database?.reachable === false ? [awayCheck(database.problem)] : []),
    journalCheck(journal),
  ]
}

function awayCheck(problem: string | null | undefined): Check {
  return warning(
    'its database',
    problem ?? 'away',
    'bring it back; calls are served, and their rows wait in the journal',
  )
}

function journalCheck(journal: Health['journal']): Check {
  const { problem, pending_rows: rows = 0, oldest_pending_ms: oldestMs = 0, rows_lost: lost = 0, sinks = [] } = journal
  const name = 'journal'
  if (problem) return failed(name, problem, 'make room on the disk of TOLLGATE_DATA_DIR; it goes on by itself')
  const found = `${counted(rows, 'row')} on the way to the ledger`
  if (oldestMs > lateMs) {
    const late = sinks.filter(({ oldest_pending_ms: ms }) => ms > lateMs).map((sink) => sink.name)
    const where = late.length > 0 ? late.join(' and ') : 'the ledger'
    return warning(name, `${found}, for ${duration(oldestMs)}`, `away, or too slow: ${where}; rows wait on disk`)
  }
  const aside = sinks.reduce((sum, { quarantined }) => sum + quarantined, 0)
  if (aside > 0) {
    return warning(
      name,
      `${counted(aside, 'row')} put aside by PostgreSQL`,
      'tollgate usage quarantine list shows them, with the reason',
    )
  }
  if (lost > 0) {
    const said = `${counted(lost, 'row')} lost since the start, when neither disk nor memory had room`
    return warning(name, said, 'admin-ui/docs/durability.md says what that means')
  }
  return ok(name, found)
}

function listening(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
}
