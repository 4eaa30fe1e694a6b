import { isDeepStrictEqual } from 'node:util'
import type { Fault } from '../domain/fault.ts'
import type { Identity } from '../domain/key.ts'
import { withoutNames } from '../domain/nameless.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { RefusedCall } from './entry.ts'
import { refusalRow } from './row.ts'

/** Above this many a second, refusals of one key for one reason share a row that counts them. */
const rowsPerSecondMax = 10

interface Folded {
  readonly second: number
  rows: number
  /** The refusals that got no row of their own, in one, and how many there were. */
  pending: { readonly refused: RefusedCall; readonly last: Identity; readonly fault: Fault } | undefined
  refusals: number
}

/**
 * Rows for refusals, folded: a client that retries in a loop must not be able to write a row for every try. Everything
 * is counted; only the rows are fewer.
 */
export class RefusalFold {
  readonly #write: (row: UsageRow) => Promise<void>
  readonly #now: () => number
  readonly #folds = new Map<string, Folded>()

  /** `write` never fails. */
  constructor(write: (row: UsageRow) => Promise<void>, now: () => number) {
    this.#write = write
    this.#now = now
  }

  /** Resolves when the refusal's row is written, where it gets one of its own. */
  async add(refused: RefusedCall, fault: Fault): Promise<void> {
    const name = `${refused.key.id} ${fault.code} ${refused.tracked}`
    const second = Math.floor(this.#now() / 1000)
    let fold = this.#folds.get(name)
    if (fold?.second !== second) {
      if (fold) this.#flushOne(fold)
      fold = { second, rows: 0, pending: undefined, refusals: 0 }
      this.#folds.set(name, fold)
    }
    if (fold.rows < rowsPerSecondMax) {
      fold.rows++
      await this.#write(refusalRow(refused, fault, 1))
      return
    }
    fold.pending = { refused: together(fold.pending?.refused, refused), last: refused.identity, fault }
    fold.refusals++
  }

  /** Writes what past seconds left folded; call it about once a second, and with `all` at the end. */
  flush(all = false): void {
    const second = Math.floor(this.#now() / 1000)
    for (const [name, fold] of this.#folds) {
      if (!all && fold.second === second) continue
      this.#flushOne(fold)
      this.#folds.delete(name)
    }
  }

  #flushOne(fold: Folded): void {
    if (fold.pending) void this.#write(foldedRow(fold.pending, fold.refusals))
    fold.pending = undefined
  }
}

/** The message is the last one's, and says no name either that is not all of theirs. */
function foldedRow({ refused, last, fault }: NonNullable<Folded['pending']>, refusals: number): UsageRow {
  const row = refusalRow(refused, fault, refusals)
  const own = Object.entries(last).flatMap(([member, value]) => (member in refused.identity ? [] : [value]))
  return { ...row, error_message: withoutNames(row.error_message ?? '', own) }
}

/** The last one, of which the row says whom it was for as far as that is true of those before it as well. */
function together(before: RefusedCall | undefined, last: RefusedCall): RefusedCall {
  return before === undefined ? last : { ...last, identity: shared(before.identity, last.identity) }
}

function shared(a: Identity, b: Identity): Identity {
  const theirs = new Map<string, unknown>(Object.entries(b))
  const same = Object.entries(a).filter(([name, value]) => isDeepStrictEqual(value, theirs.get(name)))
  return { ...Object.fromEntries(same), org: b.org }
}
