import type { Uuid } from './id.ts'
import type { NanoUsd } from './money.ts'
import type { Part } from './usage.ts'

/**
 * A price of the operator's own, in place of the price list's or made from it. Entries are only ever added: a new one
 * supersedes the older ones of the same line, which stay, because rows name them.
 */
export interface PriceOverride {
  /** A UUIDv7, so entries of one time are in the order they were made. Rows call it `prc_…`. */
  readonly id: Uuid
  readonly line: OverrideLine
  /** Milliseconds since the epoch: calls from then on. */
  readonly effectiveFrom: number
  readonly terms: OverrideTerms
}

/** Whose calls of which models. */
export interface OverrideLine {
  readonly scope: 'global' | 'org' | 'connection'
  /** The organisation or connection; absent: everybody's. */
  readonly subject?: string | undefined
  /** Only at this provider. */
  readonly provider?: string | undefined
  /** The model's name at the connection, or a pattern of names; case does not matter. */
  readonly model: string
}

export type OverrideTerms =
  /** Nano-dollars per million units of each part. */
  | { readonly kind: 'absolute'; readonly rates: Readonly<Partial<Record<Part, number>>> }
  /** Billionths: 1.2 times the price below is 1_200_000_000. */
  | { readonly kind: 'multiplier'; readonly billionths: number }
  /** What each call costs beside its tokens. */
  | { readonly kind: 'per_request'; readonly fee: NanoUsd }
  /** From then on the line says nothing, and the price below holds. */
  | { readonly kind: 'withdrawn' }

export const overridePrefix = 'prc'

/** The same for entries of one line, and for no others. */
export function lineKey({ scope, subject, provider, model }: OverrideLine): string {
  return JSON.stringify([scope, subject, provider, model.toLowerCase()])
}
