import type { NanoUsd } from './money.ts'

/** What holds for the whole installation, as declared. */
export interface Settings {
  /** Price of a million tokens of a model that the price book does not know. */
  readonly defaultPricePerMtok: NanoUsd
  /** Whether a row's charge is the provider's stated cost, where it states one, or always the price book's. */
  readonly chargeBy: 'provider' | 'price'
  /** What a subject is charged for an attempt that the provider broke. */
  readonly chargeOnUpstreamError: 'none' | 'reported' | 'estimated'
  /** Whether calls of one session prefer one connection. */
  readonly affinity: boolean
  /** Milliseconds of silence before a stream's client is sent a comment, and between two; 0 is never. */
  readonly pingAfterMs: number
  readonly health: HealthRules
  /** Bytes of a JSON request body. */
  readonly jsonBodyBytesMax: number
  /** Whether rows say who a call was for, where neither the call, its key nor its connection says. */
  readonly trackUsage: boolean
  readonly journal: JournalSettings
  readonly retention: Retention
  /** A folder that every row is also written to, as a JSON document a line; `undefined`: nowhere but the ledger. */
  readonly usageFolder: string | undefined
}

export interface JournalSettings {
  /** What a row that is written down survives at once: the death of the process, or that of the machine too. */
  readonly durability: 'process' | 'machine'
  /** Where the disk takes no rows: calls are served and their rows are at risk, or calls are refused. */
  readonly onLoss: 'serve' | 'refuse'
}

/** Days that are kept, today among them. */
export interface Retention {
  readonly rowsDays: number
  readonly rollupsDays: number
}

/** What makes a connection's health degraded, warning or critical. */
export interface HealthRules {
  /** Length of the window that success is looked at in, up to now. */
  readonly windowMs: number
  /** Attempts in the window below which its success rate says nothing. */
  readonly attemptsMin: number
  /** Success in percent, below which a connection is so. */
  readonly successPercent: HealthThresholds
  /** Failures in a row, from which on a connection is so. */
  readonly errorsInARow: HealthThresholds
}

export interface HealthThresholds {
  readonly degraded: number
  readonly warning: number
  readonly critical: number
}

/** The four standings of a connection, from good to bad. */
export const healthWords = ['healthy', 'degraded', 'warning', 'critical'] as const
export type HealthWord = (typeof healthWords)[number]
