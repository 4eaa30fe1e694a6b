import type { Uuid } from '../domain/id.ts'
import { bootsIn, DeadJournal, type DeadJournalSettings, type Deliver, type Found } from './dead-journal.ts'
import { Undelivered } from './delivery.ts'
import type { JournalLog } from './journal.ts'
import { type QuarantineSettings, takeUpQuarantine } from './old-quarantine.ts'

export interface AdoptionSettings extends DeadJournalSettings, QuarantineSettings {
  /** The way to each sink. */
  readonly sinks: readonly Deliver[]
  readonly log: JournalLog
  readonly adoptEveryMs: number
}

/**
 * Takes over what other processes left in the folder: at once, and again and again, since more may die meanwhile. Each
 * sink has the dead journals by itself, so that one that is away holds up no other. A journal leaves the disk when every
 * sink has all of it; one that is delivered twice changes nothing. Never fails: what cannot be read stays where it is,
 * for a later try.
 */
export class Adoption {
  readonly #settings: AdoptionSettings
  readonly #claimed = new Map<Uuid, DeadJournal>()
  readonly #rounds = new Set<Promise<void>>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #first: Promise<void>
  #stopped = false
  /** So far: counted when the first sink has it. */
  found: Found = { rows: 0, orphans: 0, torn: 0 }

  constructor(settings: AdoptionSettings) {
    this.#settings = settings
    const begun = takeUpQuarantine(settings)
    this.#first = Promise.all(settings.sinks.map((sink) => begun.then(() => this.#round(sink)))).then(() => {})
    this.#track(this.#first)
  }

  /** Ends when every sink has what was left before this process began, or the delivery stopped. Never fails. */
  get first(): Promise<void> {
    return this.#first
  }

  /** To be called when deliveries are stopped: else those that are under way would be waited for. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all(this.#rounds)
    for (const journal of this.#claimed.values()) journal.release()
    this.#claimed.clear()
  }

  #track(round: Promise<void>): void {
    this.#rounds.add(round)
    void round.finally(() => this.#rounds.delete(round))
  }

  /** Gives a sink all it does not have, and comes back for what is there later. */
  async #round(sink: Deliver): Promise<void> {
    const { dir, boot, log, adoptEveryMs } = this.#settings
    try {
      for (const dead of await bootsIn(dir)) {
        if (dead !== boot && !this.#stopped) await this.#adopt(dead, sink)
      }
    } catch (error) {
      log.error({ error, dir }, 'the folder of the journals cannot be read')
    }
    if (this.#stopped) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#track(this.#round(sink))
    }, adoptEveryMs).unref()
    this.#timers.add(timer)
  }

  async #adopt(dead: Uuid, sink: Deliver): Promise<void> {
    const { sinks, log } = this.#settings
    try {
      const journal = this.#claim(dead)
      if (!journal || journal.deliveredTo(sink)) return
      const found = await journal.deliverTo(sink)
      if (journal.deliveries === 1) this.found = add(this.found, found)
      if (journal.deliveries < sinks.length) return
      this.#claimed.delete(dead)
      await journal.remove()
      if (found.rows + found.orphans + found.torn > 0)
        log.info({ boot: dead, ...found }, 'a dead journal was delivered')
    } catch (error) {
      if (!(error instanceof Undelivered)) log.error({ error, boot: dead }, 'a dead journal could not be delivered')
    }
  }

  /** Nobody waits between the look and the lock, so of two sinks that come at once the second finds what the first has. */
  #claim(dead: Uuid): DeadJournal | undefined {
    const journal = this.#claimed.get(dead) ?? DeadJournal.claim(dead, this.#settings)
    if (journal) this.#claimed.set(dead, journal)
    return journal
  }
}

function add(a: Found, b: Found): Found {
  return { rows: a.rows + b.rows, orphans: a.orphans + b.orphans, torn: a.torn + b.torn }
}
