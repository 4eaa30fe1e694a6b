import { type QuarantineSettings, takeUpQuarantine } from './old-quarantine.ts'
import { add, nothing, type Replayed, type ReplaySettings, replay } from './replay.ts'

export interface AdoptionSettings extends ReplaySettings, QuarantineSettings {
  readonly adoptEveryMs: number
}

/** Takes over what other processes left in the folder: at once, and again and again, since more may die meanwhile. */
export class Adoption {
  readonly #settings: AdoptionSettings
  readonly #first: Promise<void>
  #current: Promise<void>
  #next: NodeJS.Timeout | undefined
  #stopped = false
  /** So far. */
  found: Replayed = nothing

  constructor(settings: AdoptionSettings) {
    this.#settings = settings
    this.#first = takeUpQuarantine(settings).then(() => this.#adopt())
    this.#current = this.#first
  }

  /** Ends when what was left before this process began is delivered, or the delivery stopped. Never fails. */
  get first(): Promise<void> {
    return this.#first
  }

  /** To be called when deliveries are stopped: else one that is under way would be waited for. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#next)
    await this.#current
  }

  async #adopt(): Promise<void> {
    this.found = add(this.found, await replay(this.#settings))
    if (this.#stopped) return
    this.#next = setTimeout(() => {
      this.#current = this.#adopt()
    }, this.#settings.adoptEveryMs).unref()
  }
}
