import { isIP } from 'node:net'
import { alternatives } from './expected-word.ts'
import type { ConnectionEntry } from './file-schema.ts'
import { type Finding, repeatedIds, type Surroundings } from './finding.ts'
import { modelPatterns } from './model-patterns.ts'
import { didYouMean, shown } from './problem.ts'
import type { Placed, Sections } from './sections.ts'

/** Providers that exist, addresses that may be called, credentials where one is needed, aliases that can be filled, headers once. */
export function checkConnections({ connections }: Sections, around: Surroundings): readonly Finding[] {
  return [
    ...repeatedIds(connections, around),
    ...connections.flatMap((placed) => [
      ...checkProvider(placed, around),
      ...checkAddress(placed, around),
      ...checkAliases(placed),
      ...checkHeaders(placed),
    ]),
  ]
}

function checkProvider(
  { entry, steps }: Placed<ConnectionEntry>,
  { providers, written, told }: Surroundings,
): readonly Finding[] {
  const preset = providers.get(entry.provider)
  if (preset === undefined) {
    const at = [...steps, 'provider']
    const message = () => {
      const known = [...providers.keys()].toSorted()
      return `found ${told(at)}, expected ${alternatives(known)}${didYouMean(entry.provider, known)}`
    }
    return [{ steps: at, message }]
  }
  return [
    ...missing(preset.baseUrl === undefined, 'base_url', 'an address, for the provider has none of its own'),
    ...missing(preset.credential === 'required', 'api_key', 'a credential, for the provider wants one'),
  ]

  function missing(wanted: boolean, member: keyof ConnectionEntry & string, expected: string): readonly Finding[] {
    if (!wanted || written([...steps, member])) return []
    return [{ steps: [...steps, member], message: () => `found nothing, expected ${expected}` }]
  }
}

// The address itself is not told: it may hold a credential, and where it does that is what is wrong.
function checkAddress({ entry, steps }: Placed<ConnectionEntry>, { providers }: Surroundings): readonly Finding[] {
  const { base_url: own, allow_private_network: privateNetwork } = entry
  if (own === undefined) {
    const preset = providers.get(entry.provider)?.baseUrl
    if (privateNetwork || preset === undefined || !isOnOwnMachine(preset)) return []
    const message = () => `found nothing that allows ${preset}, which is on this machine, expected true`
    return [{ steps: [...steps, 'allow_private_network'], message }]
  }
  const message = addressMistake(own, privateNetwork)
  return message === undefined ? [] : [{ steps: [...steps, 'base_url'], message: () => message }]
}

/** Providers out there have names. So has the sandbox, which is no address at all. */
function isOnOwnMachine(preset: string): boolean {
  return isIP(new URL(preset).hostname) !== 0
}

function addressMistake(text: string, privateNetwork: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return 'found something else, expected an address: https://host/path'
  }
  if (url.username !== '' || url.password !== '')
    return 'found a user or password in the address, expected it in api_key'
  if (url.search !== '' || url.hash !== '') return 'found "?" or "#", expected an address without query and fragment'
  if (url.protocol === 'http:' && !privateNetwork) {
    return 'found http, expected https, or allow_private_network: true for a model on a machine of your own'
  }
  return undefined
}

// A "*" that stands for nothing would be sent to the provider as it is.
function checkAliases({ entry, steps }: Placed<ConnectionEntry>): readonly Finding[] {
  return modelPatterns(entry.models).flatMap(({ pattern, upstream = '' }) => {
    const stars = count(upstream)
    if (stars === 0 || (stars === 1 && count(pattern) === 1)) return []
    const found = `found a "*" behind ${shown(pattern)} that stands for nothing`
    return [
      { steps: [...steps, 'models'], message: () => `${found}, expected one in both parts of the alias, or none` },
    ]
  })
}

// Names of headers that differ in case alone are one name, and only one of the values could be sent.
function checkHeaders({ entry, steps }: Placed<ConnectionEntry>): readonly Finding[] {
  const same = Map.groupBy(Object.keys(entry.headers ?? {}), (name) => name.toLowerCase())
  return [...same.values()].flatMap(([first, ...others]) =>
    others.map((name) => ({
      steps: [...steps, 'headers', name],
      message: () => `found ${shown(first)} in other letters, expected it once`,
    })),
  )
}

function count(pattern: string): number {
  return pattern.split('*').length - 1
}
