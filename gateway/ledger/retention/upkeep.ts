import type { Clock } from '../../domain/clock.ts'
import type { Retention } from '../../domain/settings.ts'
import type { Database } from '../database.ts'
import { failureOf } from '../failure.ts'
import { makeDaysAhead } from '../partitions.ts'
import { sameTime } from './database-time.ts'
import { dropExpired, firstDayOf } from './retention.ts'

export interface UpkeepSettings {
  readonly database: Database
  readonly clock: Clock
  readonly log: {
    info(detail: object, message: string): void
    warn(detail: object, message: string): void
  }
  /** As it is at this moment. */
  readonly retention: () => Retention
  readonly everyMs?: number
}

export interface Upkeep {
  /** What is under way is ended after its step. */
  close(): Promise<void>
}

/**
 * Keeps the ledger's partitions, hourly and in every replica: those of the days to come are made, those that are too old
 * are dropped. It costs next to nothing where nothing is to do, and of several replicas one drops. The first time is
 * after a moment, so that a start does not wait for it.
 */
export function startUpkeep({ database, clock, log, retention, everyMs = 3_600_000 }: UpkeepSettings): Upkeep {
  const ending = new AbortController()
  const { signal } = ending
  let timer: NodeJS.Timeout | undefined
  let running = Promise.resolve()

  const run = async (): Promise<void> => {
    try {
      await makeDaysAhead(database, clock)
      const { rowsDays, rollupsDays } = retention()
      const now = await sameTime(database, clock)
      const horizon = { rows: firstDayOf(rowsDays, now), rollups: firstDayOf(rollupsDays, now) }
      const result = await dropExpired(database, horizon, { signal, clock })
      if (!result.busy && result.dropped.length > 0) {
        log.info({ partitions: result.dropped.map(({ name }) => name), ...horizon }, 'old usage was dropped')
      }
    } catch (error) {
      // The next run takes it up where this one failed.
      log.warn({ reason: failureOf(error).message }, "the ledger's upkeep failed")
    }
  }
  const next = (delayMs: number): void => {
    timer = setTimeout(() => {
      running = run().finally(() => {
        // Not all replicas at once.
        if (!signal.aborted) next(everyMs * (0.9 + Math.random() / 5))
      })
    }, delayMs).unref()
  }
  next(Math.min(everyMs, 5_000))

  return {
    async close() {
      ending.abort()
      clearTimeout(timer)
      await running
    },
  }
}
