const aimMs = 1_000
const rowsMin = 50

/**
 * How many rows a sink is given at once: half as many after a failure, or where they took long; twice as many where they
 * were quick. So a sink that is slow is not given what it cannot finish in time again and again, one that comes back is
 * not met by all at once, and no transaction makes other gateways wait for long.
 */
export class Pace {
  readonly #rowsMax: number
  #rows: number

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
    this.#rows = rowsMax
  }

  get rows(): number {
    return this.#rows
  }

  took(rows: number, ms: number): void {
    if (ms > 2 * aimMs) this.failed()
    else if (ms < aimMs / 2 && rows >= this.#rows) this.#rows = Math.min(this.#rowsMax, 2 * this.#rows)
  }

  failed(): void {
    this.#rows = Math.max(Math.min(rowsMin, this.#rowsMax), this.#rows >> 1)
  }
}
