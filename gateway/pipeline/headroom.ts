import type { Standing } from '../limits/limit-store.ts'

interface Seen {
  readonly standings: readonly Standing[]
  readonly at: number
}

/**
 * How far each connection's own limits are used up, as its last reservation found them: known without asking the store.
 * Use decays linearly to 0 over `resetMs`; concurrency is treated the same, for want of news.
 */
export class Headroom {
  readonly #seen = new Map<string, Seen>()

  note(connectionId: string, standings: readonly Standing[], at: number): void {
    if (standings.length > 0) this.#seen.set(connectionId, { standings, at })
  }

  /** Of the connection's limit that is used most, the part that is used: 0 is nothing, 1 is all. */
  share(connectionId: string, at: number): number {
    const seen = this.#seen.get(connectionId)
    if (seen === undefined) return 0
    let share = 0
    for (const { limit, used, resetMs } of seen.standings) {
      const left = resetMs <= 0 ? 0 : 1 - Math.max(0, at - seen.at) / resetMs
      if (left > 0) share = Math.max(share, (used / limit.max) * left)
    }
    return share
  }
}
