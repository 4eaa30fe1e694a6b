import { type Configuration, type LoadedConfiguration, loadConfig } from '../config.ts'
import { boxedIds } from '../declared.ts'
import { firstKeySlug } from '../first-key.ts'
import { providers } from '../providers/index.ts'

/** The configuration as a gateway started here would read it. Throws a `ConfigurationError`. */
export function readConfiguration(): LoadedConfiguration {
  return loadConfig({
    env: process.env,
    cwd: process.cwd(),
    providers,
    builtIn: { connections: boxedIds, keys: [firstKeySlug] },
  })
}

/** Where a gateway started here would answer; `undefined` where the system will choose the port. */
export function configuredAddress({ host, port }: Configuration): string | undefined {
  if (port === 0) return undefined
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}
