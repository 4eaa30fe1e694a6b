import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../domain/clock.ts'
import { timeOf, type Uuid } from '../domain/id.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import type { CallsHere } from './calls-here.ts'

/** A call as far as it is known: its rows in the order of its attempts. */
export interface Trail {
  readonly rows: readonly UsageRow[]
  /** No more rows will come. */
  readonly complete: boolean
}

/** A row is in the ledger a moment after its answer; whoever asks at once is made to wait for that moment. */
const settlingMs = 1_500
/** No call takes longer, so a row that is not there after this will not come. */
const callMsMax = 15 * 60_000
const pollMs = 100
/** One that is not there so long after another, which was the last as far as is known, is not on its way. */
const straggleMs = 5_000

/** Which call is asked about, and by whom. */
export interface Question {
  readonly id: Uuid
  readonly keyId: string
}

/** What has become of a key's call; `undefined` where it made no such call. `look` reads its rows from the ledger. */
export async function trailOf(
  call: Question,
  look: () => Promise<readonly UsageRow[]>,
  here: CallsHere,
  clock: Clock,
): Promise<Trail | undefined> {
  const age = clock.now() - timeOf(call.id)
  const untilMs = clock.elapsed() + (age >= 0 && age < callMsMax ? settlingMs : 0)
  for (;;) {
    const trail = trailIn(call, await look(), here, clock.now())
    if (trail.complete || clock.elapsed() >= untilMs) {
      return trail.rows.length > 0 || here.isUnderWay(call.id, call.keyId) ? trail : undefined
    }
    await sleep(pollMs)
  }
}

/** What rows tell of a call by themselves, without waiting for others. */
export function trailIn(call: Question, rows: readonly UsageRow[], here: CallsHere, at: number): Trail {
  const inOrder = rows.toSorted((a, b) => a.attempt - b.attempt)
  return { rows: inOrder, complete: isComplete(call, inOrder, here, at) }
}

/** Whether these are all the rows that there will be of a call. */
function isComplete({ id, keyId }: Question, rows: readonly UsageRow[], here: CallsHere, at: number): boolean {
  const last = rows.at(-1)
  if (!last) return false
  if (last.attempt === 0) return true
  // What failed before another attempt is written down while that one is under way.
  if (rows.length < last.attempt || last.calls === 0) return false
  // Of all ends only a failure lets another attempt follow.
  if (last.status !== 'failed') return true
  if (here.isUnderWay(id, keyId)) return false
  const attempts = here.failedAfter(id)
  if (attempts !== undefined) return rows.length >= attempts
  return at - (timeOf(last.id) + (last.response_time_ms ?? 0)) >= straggleMs
}
