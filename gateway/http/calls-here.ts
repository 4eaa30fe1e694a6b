import type { Uuid } from '../domain/id.ts'
import type { Key } from '../domain/key.ts'
import { TransientMap } from '../domain/transient-map.ts'
import type { Attempt } from '../pipeline/entry.ts'

/** Calls that failed here a moment ago, whose number of attempts is remembered. */
const endsMax = 1_000

type Caller = Pick<Key, 'id'>

/**
 * What this process knows of its calls and the ledger does not say: which are under way, and how many attempts those
 * took that failed. The last row of an answered call tells that it is the last; that of a failed one does not, since
 * another attempt may have followed, whose row is on its way.
 */
export class CallsHere {
  readonly #underWay = new TransientMap<Uuid, Caller>()
  readonly #failedAfter = new Map<Uuid, number>()

  begin(id: Uuid, caller: Caller): void {
    this.#underWay.set(id, caller)
  }

  end(id: Uuid, attempts: readonly Attempt[]): void {
    this.#underWay.take(id)
    if (attempts.at(-1)?.outcome?.status !== 'failed') return
    const oldest = this.#failedAfter.size < endsMax ? undefined : this.#failedAfter.keys().next().value
    if (oldest !== undefined) this.#failedAfter.delete(oldest)
    this.#failedAfter.set(id, attempts.length)
  }

  /** Whether that key's call is under way. */
  isUnderWay(id: Uuid, keyId: string): boolean {
    return this.#underWay.get(id)?.id === keyId
  }

  /** After how many attempts the call failed; `undefined` where that is not known here. */
  failedAfter(id: Uuid): number | undefined {
    return this.#failedAfter.get(id)
  }
}
