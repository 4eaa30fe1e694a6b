import { parseArgs } from 'node:util'
import { nanoFromUsd, nanoUsd, usdFromNano } from '../../domain/money.ts'
import type { OverrideTerms } from '../../domain/price-override.ts'
import { type Part, parts } from '../../domain/usage.ts'
import { CommandFailure, exits } from '../output.ts'

const perMillion = 'dollars per million tokens'

/** What it costs, as options. */
export const termOptions = {
  input: { type: 'string', valueHint: 'usd', description: `Input, ${perMillion}` },
  output: { type: 'string', valueHint: 'usd', description: `Output, ${perMillion}` },
  cached: { type: 'string', valueHint: 'usd', description: `Input read from a cache, ${perMillion}; else as input` },
  'cache-write': {
    type: 'string',
    valueHint: 'usd',
    description: `Input written to a cache, ${perMillion}; else as input`,
  },
  reasoning: { type: 'string', valueHint: 'usd', description: `Reasoning, ${perMillion}; else as output` },
  rate: {
    type: 'string',
    valueHint: 'part=usd…',
    description: 'Any part, dollars per million units, may be repeated: --rate images=40000 --rate searches=10000',
  },
  'per-request': { type: 'string', valueHint: 'usd', description: 'What each call costs, beside its tokens' },
  multiplier: {
    type: 'string',
    valueHint: 'factor',
    description: 'In place of rates: so many times the price that it lies over, as admin-ui/docs/prices.md has it',
  },
} as const

type Given = Readonly<Partial<Record<keyof typeof termOptions, string | undefined>>>

const partOf = {
  input: 'input',
  output: 'output',
  cached: 'cache_read',
  'cache-write': 'cache_write_5m',
  reasoning: 'reasoning',
} as const

/** A million tokens for a million dollars, and a call for a hundred: more than that is a slip of the finger. */
const rateMaxUsd = 1_000_000
const feeMaxUsd = 100
const multiplierMax = 1_000

export function termsIn(given: Given, rawArgs: readonly string[]): OverrideTerms {
  const rates = ratesIn(given, rawArgs)
  const { multiplier, 'per-request': fee } = given
  const stated = Object.keys(rates).length > 0
  if (multiplier !== undefined) {
    if (stated || fee !== undefined)
      throw new CommandFailure(exits.wrongUse, '--multiplier stands alone: it is of the price below')
    const billionths = amount('multiplier', multiplier, multiplierMax)
    if (billionths > 0) return { kind: 'multiplier', billionths }
    throw new CommandFailure(exits.wrongUse, '--multiplier is more than 0', {
      fix: 'what costs nothing is: --input 0 --output 0',
    })
  }
  const feeNano = fee === undefined ? undefined : nanoUsd(amount('per-request', fee, feeMaxUsd))
  if (stated)
    return { kind: 'absolute', rates: feeNano === undefined ? rates : { ...rates, requests: feeNano * 1_000_000 } }
  if (feeNano !== undefined) return { kind: 'per_request', fee: feeNano }
  throw new CommandFailure(exits.wrongUse, 'say what it costs: --input and --output, --multiplier, or --per-request')
}

function ratesIn(given: Given, rawArgs: readonly string[]): Readonly<Partial<Record<Part, number>>> {
  const named = Object.entries(partOf).flatMap(([option, part]) => {
    const text = given[option as keyof typeof partOf]
    return text === undefined ? [] : [[part, amount(option, text, rateMaxUsd)] as const]
  })
  // citty keeps the last of several.
  const options = { rate: { type: 'string', multiple: true } } as const
  const { values } = parseArgs({ args: [...rawArgs], options, strict: false, allowPositionals: true })
  const others = (values.rate ?? []).map(String).map((text) => {
    const [name, usd = ''] = text.split('=')
    const part = parts.find((each) => each === name)
    if (part) return [part, amount('rate', usd, rateMaxUsd)] as const
    throw new CommandFailure(exits.wrongUse, `--rate wants part=usd, and got ${JSON.stringify(text)}`, {
      fix: `parts are ${parts.join(', ')}`,
    })
  })
  return Object.fromEntries([...named, ...others])
}

/** In billionths. Nine decimals at most: more would be rounded, and nobody told. */
function amount(option: string, text: string, max: number): number {
  const nano = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(nanoFromUsd(text)) : Number.NaN
  if (nano <= max * 1_000_000_000) return nano
  throw new CommandFailure(
    exits.wrongUse,
    `--${option} wants a decimal number up to ${max}, with at most nine decimals, and got ${JSON.stringify(text)}`,
  )
}

/** `input $0.15, output $0.6`, `× 1.2`, `$0.01 a call`, `withdrawn`. */
export function termsInWords(terms: OverrideTerms): string {
  switch (terms.kind) {
    case 'absolute':
      return ratesInWords(terms.rates)
    case 'multiplier':
      return `× ${usdFromNano(terms.billionths)}`
    case 'per_request':
      return `$${usdFromNano(terms.fee)} a call`
    case 'withdrawn':
      return 'withdrawn'
  }
}

/** A call's fee is told for one call, all else for a million. */
export function ratesInWords({ requests, ...rates }: Readonly<Partial<Record<Part, number>>>): string {
  const million = Object.entries(rates).map(([part, nano]) => `${part} $${usdFromNano(nano)}`)
  const fee = requests === undefined ? [] : [`$${usdFromNano(BigInt(requests) / 1_000_000n)} a call`]
  return [...million, ...fee].join(', ')
}

/** The same for a program: decimals of dollars per million units. */
export function ratesInUsd(rates: Readonly<Partial<Record<Part, number>>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(rates).map(([part, nano]) => [part, usdFromNano(nano)]))
}
