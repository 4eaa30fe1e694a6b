import type { NanoUsd } from './money.ts'

/** What holds for the whole installation, as declared. */
export interface Settings {
  /** Price of a million tokens of a model that the price book does not know. */
  readonly defaultPricePerMtok: NanoUsd
  /** Whether a row's charge is the provider's stated cost, where it states one, or always the price book's. */
  readonly chargeBy: 'provider' | 'price'
  /** What a subject is charged for an attempt that the provider broke. */
  readonly chargeOnUpstreamError: 'none' | 'reported' | 'estimated'
  /** Bytes of a JSON request body. */
  readonly jsonBodyBytesMax: number
}
