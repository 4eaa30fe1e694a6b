import { systemClock } from '../../../domain/clock.ts'
import { type RowText, rowText } from '../../../domain/usage-row.ts'
import type { Database } from '../../../ledger/database.ts'
import { UsageLedger } from '../../../ledger/usage.ts'
import { type Traffic, trafficOf } from './traffic.ts'

export interface FillOptions {
  /** Rows a transaction. */
  readonly batch: number
  /** Writers at a time, each with sessions of its own, as replicas have. */
  readonly lanes: number
}

/** Writes the traffic as gateways do, and tells how fast. Making the rows is counted in: it is little beside writing. */
export async function fill(database: Database, traffic: Traffic, { batch, lanes }: FillOptions): Promise<void> {
  const rows = trafficOf(traffic)
  const startedMs = systemClock.elapsed()
  let written = 0
  let toldMs = startedMs
  const lane = async () => {
    const writer = new UsageLedger(database, systemClock)
    for (let next = take(rows, batch); next.length > 0; next = take(rows, batch)) {
      await writer.write(next)
      written += next.length
      const now = systemClock.elapsed()
      if (now - toldMs < 10_000) continue
      toldMs = now
      tell(`${written} rows, ${rate(written, now - startedMs)} rows/s`)
    }
    await writer.close()
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  tell(`${written} rows in batches of ${batch} by ${lanes}: ${rate(written, systemClock.elapsed() - startedMs)} rows/s`)
}

function take(rows: Generator<Parameters<typeof rowText>[0]>, count: number): readonly RowText[] {
  const taken: RowText[] = []
  while (taken.length < count) {
    const { value, done } = rows.next()
    if (done) break
    taken.push(rowText(value))
  }
  return taken
}

function rate(rows: number, ms: number): number {
  return Math.round((rows / ms) * 1000)
}

export function tell(text: string): void {
  process.stderr.write(`${text}\n`)
}
