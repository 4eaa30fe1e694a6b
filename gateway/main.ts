import { assemble, type Running } from './assemble.ts'
import { type Configuration, ConfigurationError, loadConfig } from './config.ts'
import { boxedIds } from './declared.ts'
import { systemClock } from './domain/clock.ts'
import { firstKeySlug } from './first-key.ts'
import { openLog } from './observe/log.ts'
import { providers } from './providers/index.ts'
import { readyText } from './ready-text.ts'

/** Balancers need a moment to see that we are not ready any more. */
const lagMs = 5_000
const drainMs = 120_000
/** After the second signal. */
const hurriedMs = 5_000
/** A terminal's Ctrl-C reaches us twice: from the terminal, and from npm which passes it on. */
const echoMs = 500

const clock = systemClock

async function main(): Promise<void> {
  const configuration = configured()
  const log = openLog(configuration.logLevel)
  process.on('uncaughtException', (error) => {
    log.fatal({ error }, 'a bug: the gateway stops; its journal is delivered by the next start')
    process.exit(1)
  })
  const starting = assemble(configuration, clock, log)
  onSignals(starting, configuration)
  process.stdout.write(readyText(await starting, configuration, clock.elapsed()))
}

function configured(): Configuration {
  try {
    return loadConfig({
      env: process.env,
      cwd: process.cwd(),
      providers,
      builtIn: { connections: boxedIds, keys: [firstKeySlug] },
    })
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}

function onSignals(starting: Promise<Running>, { host }: Configuration): void {
  let firstMs: number | undefined
  let hurry = (): void => process.exit(1)
  const leave = async (lag: number) => {
    // Half a start cannot be taken back, and would leave its PostgreSQL running: it is seen through.
    const running = await starting
    hurry = () => running.hurry(hurriedMs)
    running.resign()
    await new Promise((resolve) => setTimeout(resolve, lag))
    await running.close(drainMs)
  }
  const signalled = (lag: number) => {
    const now = clock.elapsed()
    if (firstMs !== undefined) {
      if (now - firstMs > echoMs) hurry()
      return
    }
    firstMs = now
    leave(lag).then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`)
        process.exit(1)
      },
    )
  }
  // Only an address that others can reach has a balancer in front of it.
  const reachable = !['127.0.0.1', '::1', 'localhost'].includes(host)
  process.on('SIGINT', () => signalled(0))
  // The terminal was closed.
  process.on('SIGHUP', () => signalled(0))
  process.on('SIGTERM', () => signalled(reachable ? lagMs : 0))
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
