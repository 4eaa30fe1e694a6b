/** How much of what stood one attempt takes away: the score looks at about the last ten. */
const attemptShare = 0.1
const halfLifeMs = 30_000
/** Whoever gets no call at all can never show that it is well again. */
const floor = 0.05
/** Below this, illness is not worth an exponential. */
const negligible = 0.001

/** How well attempts went lately, up to 1. What went badly fades with what goes well, and with time. */
export class Score {
  #illness = 0
  #notedAt = 0

  note(well: boolean, at: number): void {
    const illness = this.#illnessAt(at)
    this.#illness = illness + ((well ? 0 : 1) - illness) * attemptShare
    this.#notedAt = at
  }

  at(at: number): number {
    return Math.max(floor, 1 - this.#illnessAt(at))
  }

  #illnessAt(at: number): number {
    if (this.#illness < negligible) return 0
    return this.#illness * 2 ** -(Math.max(0, at - this.#notedAt) / halfLifeMs)
  }
}
