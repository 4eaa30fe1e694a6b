import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock as clock } from '../domain/clock.ts'
import { type Uuid, uuidV7 } from '../domain/id.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { copyAsIfKilled } from './as-if-killed.fixture.ts'
import { openJournal } from './open-journal.ts'
import { finalRow, MemoryLedger, openedRow } from './sample-row.fixture.ts'

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ does: 'open' as const }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('row' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('progress' as const), which: fc.nat(), output: fc.nat(999) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('sink' as const), other: fc.boolean(), away: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ does: 'wait' as const }) },
  { weight: 1, arbitrary: fc.constant({ does: 'kill' as const }) },
)

/** What the ledger holds: a row replaces one of the same id and a lower revision, and nothing else. */
function ledgerOf(rows: readonly UsageRow[]): ReadonlyMap<Uuid, UsageRow> {
  const ledger = new Map<Uuid, UsageRow>()
  for (const row of rows) if (row.revision > (ledger.get(row.id)?.revision ?? -1)) ledger.set(row.id, row)
  return ledger
}

const settled = { flushEveryMs: 1, drainMsMax: 20_000 }

test('after any sequence of events and a kill, every finished attempt has its row and every other an orphan', {
  timeout: 60_000,
}, async () => {
  const root = mkdtempSync(join(tmpdir(), 'journal-'))
  let runs = 0
  let kills = 0
  const property = fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
    const dir = join(root, `run-${runs++}`)
    const ledger = new MemoryLedger()
    ledger.slowMs = 1
    // Small enough that a few rows fill a segment, and a few more the memory.
    const small = { segmentBytesMax: 3_000, segmentAgeMsMax: 8, memoryRowsMax: 3, flushRows: 3, batchRowsMax: 3 }
    const other = new MemoryLedger()
    const journal = await openJournal({ dir, clock, sinks: { ledger, other }, ...settled, ...small })
    const live = new Map<Uuid, number | undefined>()
    const finished: UsageRow[] = []

    const kill = async (): Promise<void> => {
      kills++
      await new Promise(setImmediate)
      const copy = join(root, `killed-${kills}`)
      copyAsIfKilled(dir, copy)
      const next = new MemoryLedger()
      const before = [...ledger.rows]
      const successor = await openJournal({ dir: copy, clock, sinks: { next }, ...settled })
      await successor.adopted
      const rows = ledgerOf([...before, ...next.rows])
      expect(finished.filter((row) => rows.get(row.id)?.revision !== 2)).toEqual([])
      const orphans = [...rows.values()].filter(({ status }) => status === 'orphan')
      expect(new Map(orphans.map((row) => [row.id, row.output_tokens]))).toEqual(live)
      expect(rows.size).toBe(finished.length + live.size)
      expect(successor.standing().torn).toBe(0)
      await successor.close()
      expect(readdirSync(copy)).toEqual([])
    }

    for (const event of steps) {
      const id = 'which' in event ? [...live.keys()][event.which % live.size] : undefined
      if (event.does === 'open') {
        const row = openedRow(uuidV7(Date.now()))
        await journal.open(row)
        live.set(row.id, undefined)
      } else if (event.does === 'row' && id) {
        const row = finalRow(id)
        await journal.row(row)
        live.delete(id)
        finished.push(row)
      } else if (event.does === 'progress' && id) {
        journal.progress(id, { usage: { output: event.output }, source: 'counted' })
        live.set(id, event.output)
      } else if (event.does === 'sink') (event.other ? other : ledger).away = event.away
      else if (event.does === 'wait') await new Promise((resolve) => setTimeout(resolve, 3))
      else if (event.does === 'kill') await kill()
    }
    await kill()
    ledger.away = other.away = false
    await journal.close()
    // Both in the order of writing, and once: no failure of the one makes the other get a row again.
    expect(ledger.ids).toEqual(finished.map(({ id }) => id))
    expect(other.ids).toEqual(finished.map(({ id }) => id))
  })
  try {
    await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 30_000 })
    expect(kills).toBeGreaterThanOrEqual(Math.max(runs, 1))
  } finally {
    rmSync(root, { recursive: true })
  }
})
