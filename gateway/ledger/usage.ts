import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../domain/clock.ts'
import { dayOf } from '../domain/day.ts'
import { timeOf, type Uuid } from '../domain/id.ts'
import type { RowText } from '../domain/usage-row.ts'
import type { Database, Sql } from './database.ts'
import { failureOf, isPoison } from './failure.ts'
import { UsageDays } from './partitions.ts'
import { putAside, type Rejected } from './quarantine.ts'
import { become } from './roles.ts'
import { isUuidV7, storable } from './storable.ts'
import { upsert } from './usage-upsert.ts'

/** How long one transaction may take: PostgreSQL's own measure, and ours for when it says nothing at all. */
export interface Patience {
  readonly statementMs: number
  readonly answerMs: number
}

export interface UsageLedgerOptions {
  readonly patience?: Patience
  readonly log?: { error(detail: object, message: string): void }
}

const silent = Symbol('silent')
const usualPatience: Patience = { statementMs: 10_000, answerMs: 15_000 }
const rowsMax = 5_000

/**
 * Writes usage rows. A row replaces one of the same id and a lower revision, and nothing else, so any batch may be sent
 * again, by anyone, in any order.
 *
 * Rows that PostgreSQL would refuse for ever hold nobody up: `write` puts them into quarantine. It rejects when
 * PostgreSQL is away, unwilling or silent; then some of the batch may be in, and the batch is sent again.
 */
export class UsageLedger {
  readonly #database: Database
  readonly #clock: Clock
  readonly #patience: Patience
  readonly #log: UsageLedgerOptions['log']
  readonly #days = new UsageDays()
  #sql: Sql
  #quarantined = 0

  constructor(database: Database, clock: Clock, { patience = usualPatience, log }: UsageLedgerOptions = {}) {
    this.#database = database
    this.#clock = clock
    this.#patience = patience
    this.#log = log
    this.#sql = database.client(2)
  }

  /** How many rows went into quarantine since this was made. */
  get quarantined(): number {
    return this.#quarantined
  }

  async write(rows: readonly RowText[]): Promise<void> {
    const rejected = await this.store(rows)
    const [first] = rejected
    if (!first) return
    await this.#answered(putAside(this.#sql, this.#clock, rejected))
    this.#quarantined += rejected.length
    this.#log?.error({ rows: rejected.length, reason: first.reason }, 'usage rows were refused and put in quarantine')
  }

  /** Like `write`, but returns what will never go in, and leaves it to the caller. */
  async store(rows: readonly RowText[]): Promise<readonly Rejected[]> {
    const rejected: Rejected[] = []
    const batch = newest(rows).filter((row) => {
      const reason = misdated(row, this.#clock.now())
      if (reason !== undefined) rejected.push({ row, reason })
      return reason === undefined
    })
    for (let from = 0; from < batch.length; from += rowsMax) {
      rejected.push(...(await this.#store(batch.slice(from, from + rowsMax))))
    }
    return rejected
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 1 })
  }

  async #store(batch: readonly RowText[]): Promise<readonly Rejected[]> {
    try {
      return await this.#storeKept(batch)
    } catch (error) {
      if (!lacksPartition(error)) throw error
      this.#days.forget()
      return await this.#storeKept(batch)
    }
  }

  /** Stores rows of days that are kept. One of a day that was dropped was perhaps counted before, and would be again. */
  async #storeKept(batch: readonly RowText[]): Promise<readonly Rejected[]> {
    const dated = batch.map((row) => ({ row, day: dayOf(timeOf(row.id)) }))
    await this.#answered(
      this.#days.ensure(
        this.#sql,
        dated.map(({ day }) => day),
      ),
    )
    const { since } = this.#days
    const rejected = dated
      .filter(({ day }) => day < since)
      .map(({ row, day }) => ({
        row,
        reason: `it is of ${day}, and rows are kept since ${since}: it may have been counted before`,
      }))
    const kept = dated.filter(({ day }) => day >= since).map(({ row }) => row)
    return kept.length === 0 ? rejected : [...rejected, ...(await this.#insert(kept))]
  }

  // A batch that fails for the sake of a row is halved until the row stands alone.
  async #insert(batch: readonly RowText[]): Promise<readonly Rejected[]> {
    try {
      await this.#answered(
        this.#sql.begin(async (tx) => {
          await become(tx, 'tollgate_ingest', {
            statement_timeout: String(this.#patience.statementMs),
            // A session that the network loses before its COMMIT would hold its rows' locks, and every later write with
            // them, for as long as the server believes in it.
            idle_in_transaction_session_timeout: String(this.#patience.statementMs),
          })
          await tx.unsafe(upsert, [storable(batch)])
        }),
      )
      return []
    } catch (error) {
      const failure = failureOf(error)
      const [row, ...others] = batch
      if (!isPoison(failure) || lacksPartition(error) || row === undefined) throw error
      if (others.length === 0) return [{ row, reason: `${failure.message} (${failure.code})` }]
      const half = batch.length >> 1
      return [...(await this.#insert(batch.slice(0, half))), ...(await this.#insert(batch.slice(half)))]
    }
  }

  /** Gives up on a silent server, and on its sessions with it: they would stay silent. */
  async #answered(work: Promise<unknown>): Promise<void> {
    const waiting = new AbortController()
    const silence = sleep(this.#patience.answerMs, silent, { signal: waiting.signal, ref: false })
    try {
      if ((await Promise.race([work, silence])) !== silent) return
    } finally {
      waiting.abort()
      silence.catch(() => {})
    }
    work.catch(() => {})
    const gone = this.#sql
    this.#sql = this.#database.client(2)
    await gone.end({ timeout: 0 })
    throw new Error(`PostgreSQL did not answer within ${this.#patience.answerMs} ms.`)
  }
}

const oldest = Date.UTC(2020, 0, 1)
const aheadMs = 2 * 86_400_000

// A time out of the world would make a partition of its own for each such row.
function misdated({ id }: RowText, now: number): string | undefined {
  if (!isUuidV7(id)) return 'its id is no UUIDv7'
  const at = timeOf(id)
  return at < oldest || at > now + aheadMs ? `its id carries an impossible time (${at} ms)` : undefined
}

/** One statement may not touch a row twice; and all writers take rows in one order, so that none waits in a circle. */
function newest(rows: readonly RowText[]): readonly RowText[] {
  const byId = new Map<Uuid, RowText>()
  for (const row of rows) {
    const known = byId.get(row.id)
    if (!known || known.revision < row.revision) byId.set(row.id, row)
  }
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

// PostgreSQL says "broken check" also of a row that no partition takes, but then names no constraint.
function lacksPartition(error: unknown): boolean {
  return failureOf(error).code === '23514' && error instanceof Error && !('constraint_name' in error)
}
