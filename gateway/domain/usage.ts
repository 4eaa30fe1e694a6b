import type { NanoUsd } from './money.ts'

/**
 * The disjoint parts of a call's usage: every token is in exactly one. `output` is what was said aloud; `reasoning`
 * what was thought before; both are billed as output by most. Part names are wire names (the view's `parts` column).
 */
export const parts = [
  'input',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'input_audio',
  'cache_read_audio',
  'input_image',
  'output',
  'reasoning',
  'output_audio',
  'output_image',
  'images',
  'seconds',
  'characters',
  'searches',
  'requests',
] as const

export type Part = (typeof parts)[number]

/** An absent part is unknown; 0 is zero. Whole and non-negative, except `seconds`. */
export type Usage = Readonly<Partial<Record<Part, number>>>

/**
 * Where usage comes from. `provider`: stated in full. `provider_partial`: stated so far; what came after is not in it.
 * `counted`: nothing stated, counted over what really flowed. `none`: nothing is known.
 */
export type UsageSource = 'provider' | 'provider_partial' | 'counted' | 'none'

/** What a meter makes of one answer. */
export interface Reading {
  readonly usage: Usage
  readonly source: UsageSource
  /** The provider's own usage object, untouched. */
  readonly raw?: unknown
  /** The provider's finish reason, in the provider's word. */
  readonly finish?: string
  /** The model and service tier that the answer says served it. */
  readonly servedModel?: string
  readonly serviceTier?: string
  /** What the provider itself says the call cost. */
  readonly providerCost?: NanoUsd
  /** The stated numbers contradicted each other or were no counts, and were clamped. */
  readonly invalid?: boolean
  /** An error that the provider stated inside an answer that began well. */
  readonly error?: StatedError
  /** What was said, where nobody stated how much: for the tokenizer, after the call. */
  readonly said?: string
  /** Characters that were said beyond those, of a stream too long to be kept. */
  readonly saidBeyond?: number
}

export interface StatedError {
  readonly code: string
  readonly message: string
}

const inputParts: readonly Part[] = [
  'input',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'input_audio',
  'cache_read_audio',
  'input_image',
]
const cachedParts: readonly Part[] = ['cache_read', 'cache_read_audio']
const cacheWriteParts: readonly Part[] = ['cache_write_5m', 'cache_write_1h']
const outputParts: readonly Part[] = ['output', 'reasoning', 'output_audio', 'output_image']

/** Inclusive totals, as people and BI tools know them; `undefined` where no part of a total is known. */
export interface UsageTotals {
  readonly input: number | undefined
  readonly cached: number | undefined
  readonly cacheWrite: number | undefined
  readonly output: number | undefined
  readonly reasoning: number | undefined
  readonly total: number | undefined
}

export function totals(usage: Usage): UsageTotals {
  const input = sum(usage, inputParts)
  const output = sum(usage, outputParts)
  return {
    input,
    cached: sum(usage, cachedParts),
    cacheWrite: sum(usage, cacheWriteParts),
    output,
    reasoning: usage.reasoning,
    total: input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0),
  }
}

function sum(usage: Usage, of: readonly Part[]): number | undefined {
  let total: number | undefined
  for (const part of of) {
    const amount = usage[part]
    if (amount !== undefined) total = (total ?? 0) + amount
  }
  return total
}
