import { parseArgs } from 'node:util'
import type { NewConnection } from '../../ledger/configured/connections.ts'
import { CommandFailure, exits } from '../output.ts'
import { trackOption, trackUsageIn } from '../tracking.ts'

/** What a connection is, as options; names and meaning are the configuration file's. */
export const settingOptions = {
  name: { type: 'string', valueHint: 'text', description: 'How people call it' },
  priority: { type: 'string', valueHint: 'number', description: 'Lower is asked first; 10 unless said otherwise' },
  weight: { type: 'string', valueHint: 'number', description: 'Share of the traffic among equals of one priority' },
  models: {
    type: 'string',
    valueHint: 'a,b',
    description:
      'What clients may ask for here: names, patterns with *, alias=upstream-name; all unless said otherwise',
  },
  rpm: { type: 'string', valueHint: 'number', description: 'Requests a minute that the provider allows' },
  tpm: { type: 'string', valueHint: 'number', description: 'Tokens a minute that the provider allows' },
  concurrency: { type: 'string', valueHint: 'number', description: 'Calls at a time that the provider allows' },
  'base-url': {
    type: 'string',
    valueHint: 'https://…/v1',
    description: "Its address, where it is not the provider's own",
  },
  'api-version': { type: 'string', valueHint: 'version', description: 'Of a provider that versions its API so' },
  header: { type: 'string', valueHint: 'name=value…', description: 'Sent along with every request; may be repeated' },
  track: trackOption,
  'allow-private-network': { type: 'boolean', description: 'Allow http and addresses that are not public' },
} as const

type Setting = keyof typeof settingOptions
type Given = Readonly<Partial<Record<Exclude<Setting, 'allow-private-network'>, string | undefined>>> & {
  readonly 'allow-private-network'?: boolean | undefined
}

/** Reads them; what a value may be is checked where all connections are (`connectionProblems`). */
export function settingsIn(given: Given, rawArgs: readonly string[]): Omit<NewConnection, 'id' | 'slug' | 'provider'> {
  const { name, models, 'base-url': baseUrl, 'api-version': apiVersion } = given
  const numbers = { priority: numberIn(given, 'priority'), weight: numberIn(given, 'weight') }
  const limits = definedOf({
    rpm: numberIn(given, 'rpm'),
    tpm: numberIn(given, 'tpm'),
    concurrency: numberIn(given, 'concurrency'),
  })
  const headers = headersIn(rawArgs)
  return {
    ...definedOf({ ...numbers, name, baseUrl, apiVersion }),
    ...(models !== undefined && { models: modelsIn(models) }),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(given.track !== undefined && { trackUsage: trackUsageIn(given.track) }),
    ...(given['allow-private-network'] && { allowPrivateNetwork: true }),
  }
}

function definedOf<T extends object>(values: T): { [name in keyof T]?: Exclude<T[name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [name in keyof T]?: Exclude<T[name], undefined>
  }
}

function numberIn(given: Given, name: Exclude<Setting, 'allow-private-network'>): number | undefined {
  const text = given[name]
  if (text === undefined) return undefined
  if (/^-?\d{1,15}(\.\d{1,9})?$/.test(text)) return Number(text)
  throw new CommandFailure(exits.wrongUse, `--${name} wants a number, and got ${JSON.stringify(text)}`)
}

/** `gpt-4o,gpt-5*,fast=gpt-4o-mini` */
function modelsIn(text: string): NonNullable<NewConnection['models']> {
  return text.split(',').map((part) => {
    const [name = '', ...upstream] = part.trim().split('=')
    return upstream.length === 0 ? name : { [name]: upstream.join('=') }
  })
}

// citty keeps the last of several.
function headersIn(rawArgs: readonly string[]): Readonly<Record<string, string>> {
  const options = { header: { type: 'string', multiple: true } } as const
  const { values } = parseArgs({ args: [...rawArgs], options, strict: false, allowPositionals: true })
  const given = (values.header ?? []).filter((each) => typeof each === 'string')
  return Object.fromEntries(
    given.map((each) => {
      const at = each.indexOf('=')
      if (at > 0) return [each.slice(0, at), each.slice(at + 1)]
      // Not told: it may be the value of a secret whose name was forgotten.
      throw new CommandFailure(exits.wrongUse, '--header wants name=value')
    }),
  )
}
