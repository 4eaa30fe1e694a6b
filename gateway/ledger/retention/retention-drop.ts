import { setTimeout as sleep } from 'node:timers/promises'
import type { Day } from '../../domain/day.ts'
import type { Sql } from '../database.ts'
import { failureOf } from '../failure.ts'
import { become, type Transaction } from '../roles.ts'

/**
 * How a partition goes. Readers and writers are not held up: it is detached CONCURRENTLY, which waits for whoever reads
 * it and lets everybody else pass. PostgreSQL wants that outside of a transaction, and so in the name of our login, which
 * has to inherit from the owner. One that does not detaches in a transaction, as the owner. For that the whole table is
 * locked, so it waits for a moment at a time only, in which others queue behind it, and lets them pass in between.
 */

const canceled = '57014'
const denied = '42501'
const lockNotAvailable = '55P03'

/** How long others queue behind us at the most, and have their way until we try again. */
const queueMs = 500
const betweenMs = 250

/** A partition that is too old as a whole. */
export interface Expired {
  readonly name: string
  readonly parent: string
  /** The day, or the first of its month. */
  readonly first: Day
  readonly bytes: number
  /** `pending`: a run that died had begun to detach it. */
  readonly state: 'attached' | 'pending' | 'detached'
}

export interface Manner {
  readonly waitMs: number
  /** Called last in the transaction that drops it. */
  readonly written: (tx: Transaction) => Promise<void>
}

/** Detaches and drops it, or throws once that has waited for so long; what is left is finished by the next run. */
export async function remove(sql: Sql, partition: Expired, manner: Manner): Promise<void> {
  const { waitMs, written } = manner
  if (partition.state === 'attached' && !(await detach(sql, partition, waitMs))) {
    await detachAndDrop(sql, partition, manner)
    return
  }
  const [table, whole] = namesOf(partition)
  await sql.begin(async (tx) => {
    await become(tx, 'tollgate_owner', { lock_timeout: '2s', statement_timeout: `${waitMs}ms` })
    if (partition.state === 'pending') await tx`ALTER TABLE ${tx(whole)} DETACH PARTITION ${tx(table)} FINALIZE`
    await tx`DROP TABLE ${tx(table)}`
    await written(tx)
  })
}

function namesOf({ name, parent }: Expired): readonly [string, string] {
  return [`tollgate.${name}`, `tollgate.${parent}`]
}

/** `false`: our login may not. Where somebody reads for longer than we wait it is cancelled, half done. */
async function detach(sql: Sql, partition: Expired, waitMs: number): Promise<boolean> {
  const [table, whole] = namesOf(partition)
  const query = sql`ALTER TABLE ${sql(whole)} DETACH PARTITION ${sql(table)} CONCURRENTLY`
  const patience = setTimeout(() => query.cancel(), waitMs)
  try {
    await query
    return true
  } catch (error) {
    const { code } = failureOf(error)
    if (code === denied) return false
    throw code === canceled ? readForLong(whole, waitMs, error) : error
  } finally {
    clearTimeout(patience)
  }
}

async function detachAndDrop(sql: Sql, partition: Expired, { waitMs, written }: Manner): Promise<void> {
  const [table, whole] = namesOf(partition)
  const over = AbortSignal.timeout(waitMs)
  for (;;) {
    try {
      await sql.begin(async (tx) => {
        await become(tx, 'tollgate_owner', { lock_timeout: `${queueMs}ms`, statement_timeout: `${waitMs}ms` })
        await tx`ALTER TABLE ${tx(whole)} DETACH PARTITION ${tx(table)}`
        await tx`DROP TABLE ${tx(table)}`
        await written(tx)
      })
      return
    } catch (error) {
      if (failureOf(error).code !== lockNotAvailable) throw error
      if (over.aborted) throw readForLong(whole, waitMs, error)
    }
    await sleep(betweenMs)
  }
}

function readForLong(whole: string, waitMs: number, cause: unknown): Error {
  return new Error(`${whole} is being read for longer than ${waitMs} ms; what is left goes with the next run`, {
    cause,
  })
}
