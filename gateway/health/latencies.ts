const answerShare = 0.2
/** Patterns let clients name models, so their names have no end. */
const modelsMax = 100

/** How long each model of a connection takes to begin its answers: an average in which the last ones count most. */
export class Latencies {
  readonly #ms = new Map<string, number>()

  note(model: string, ms: number): void {
    const before = this.#ms.get(model)
    if (before === undefined && this.#ms.size >= modelsMax) {
      const oldest = this.#ms.keys().next()
      if (!oldest.done) this.#ms.delete(oldest.value)
    }
    this.#ms.set(model, before === undefined ? ms : before + (ms - before) * answerShare)
  }

  of(model: string): number | undefined {
    return this.#ms.get(model)
  }
}
