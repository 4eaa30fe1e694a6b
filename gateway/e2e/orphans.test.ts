import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock as clock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import { rowText, type UsageRow } from '../domain/usage-row.ts'
import { copyAsIfKilled } from '../journal/as-if-killed.fixture.ts'
import { openJournal } from '../journal/open-journal.ts'
import { finalRow, MemoryLedger, openedRow } from '../journal/sample-row.fixture.ts'
import { UsageLedger } from '../ledger/usage.ts'
import { testDatabase } from './database.ts'

const database = testDatabase()

const callId = uuidV7(Date.now())
/** A call whose first attempt failed and whose second was under way, and one that was under way, at their death. */
const opened = [
  { ...openedRow(), call_id: callId, attempt: 1 },
  { ...openedRow(), call_id: callId, attempt: 2 },
  openedRow(),
]

/** What became of them in truth. */
const [first, second, other] = opened
const truth: readonly UsageRow[] = [
  { ...finalRow(first?.id), call_id: callId, calls: 0, status: 'failed', success: false, charge_nano_usd: 0 },
  { ...finalRow(second?.id), call_id: callId, attempt: 2 },
  { ...finalRow(other?.id), call_id: other?.call_id ?? '' },
]

test('an orphan stands in for its true row until that comes, and then there is no trace of it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'orphans-'))
  const away = new MemoryLedger()
  away.away = true
  const journal = await openJournal({ dir: join(root, 'journal'), clock, sinks: { away }, drainMsMax: 10 })
  await Promise.all(opened.map((row) => journal.open(row)))
  journal.progress(opened[2]?.id ?? '', { usage: { output: 7 }, source: 'counted' })
  await new Promise(setImmediate)
  const [killed, killedToo] = ['once', 'again'].map((name) => join(root, name))
  copyAsIfKilled(join(root, 'journal'), killed ?? '')
  copyAsIfKilled(join(root, 'journal'), killedToo ?? '')
  await journal.close()

  const ledger = new UsageLedger(database().database, clock)
  await replay(killed ?? '', ledger)
  expect(await booked()).toEqual([
    { attempt: 1, calls: 0, revision: 0, status: 'orphan', output_tokens: null, charge: null },
    { attempt: 2, calls: 1, revision: 0, status: 'orphan', output_tokens: null, charge: null },
    { attempt: 1, calls: 1, revision: 0, status: 'orphan', output_tokens: 7, charge: null },
  ])
  expect(await sums()).toEqual({ rows: 3, calls: 2, attempts: 3, successes: 0, output_tokens: 7, charge: 0 })

  // From the journal of a gateway that was not dead but cut off, or from its successor's copy of the disk.
  await ledger.write(truth.map(rowText))
  const whole = [
    { attempt: 1, calls: 0, revision: 2, status: 'failed', output_tokens: 321, charge: 0 },
    { attempt: 2, calls: 1, revision: 2, status: 'complete', output_tokens: 321, charge: 300_900 },
    { attempt: 1, calls: 1, revision: 2, status: 'complete', output_tokens: 321, charge: 300_900 },
  ]
  const total = { rows: 3, calls: 2, attempts: 3, successes: 2, output_tokens: 963, charge: 601_800 }
  expect(await booked()).toEqual(whole)
  expect(await sums()).toEqual(total)

  // The same journal, delivered late from a second copy.
  await replay(killedToo ?? '', ledger)
  expect(await booked()).toEqual(whole)
  expect(await sums()).toEqual(total)
  await ledger.close()
  rmSync(root, { recursive: true })
})

async function replay(dir: string, postgres: UsageLedger): Promise<void> {
  const next = await openJournal({ dir, clock, sinks: { postgres } })
  await next.adopted
  expect(next.standing().orphans).toBe(3)
  await next.close()
}

async function booked(): Promise<readonly object[]> {
  const { sql } = database().database
  return await sql`
    SELECT attempt, calls, revision, status, output_tokens::float8, charge_nano_usd::float8 AS charge
    FROM tollgate.usage ORDER BY call_id <> ${callId}, attempt
  `
}

/** Over the quarters of an hour, those of every status together: what an orphan brought is taken back with it. */
async function sums(): Promise<object | undefined> {
  const { sql } = database().database
  const [all] = await sql`
    SELECT sum(rows)::int AS rows, sum(calls)::int AS calls, sum(attempts)::int AS attempts,
      sum(successes)::int AS successes, sum(output_tokens)::int AS output_tokens,
      sum(charge_nano_usd)::int AS charge
    FROM tollgate.rollups WHERE level = '15m'
  `
  return all
}
