import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock as clock } from '../domain/clock.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { copyAsIfKilled } from './as-if-killed.fixture.ts'
import type { Flush } from './delivery.ts'
import { type JournalSettings, type OpenJournal, openJournal } from './open-journal.ts'
import { finalRow, MemoryLedger, openedRow } from './sample-row.fixture.ts'

let root: string
let dir: string
let opened: OpenJournal[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'journal-'))
  dir = join(root, 'journal')
})

afterEach(async () => {
  await Promise.all(opened.map((journal) => journal.close()))
  opened = []
  rmSync(root, { recursive: true })
})

async function start(sinks: Record<string, MemoryLedger>, more: Partial<JournalSettings> = {}): Promise<OpenJournal> {
  const journal = await openJournal({ dir, clock, sinks, flushEveryMs: 5, drainMsMax: 50, ...more })
  opened.push(journal)
  return journal
}

async function write(journal: OpenJournal, count: number): Promise<readonly UsageRow[]> {
  const rows = Array.from({ length: count }, () => finalRow())
  await Promise.all(rows.map((row) => journal.row(row)))
  return rows
}

test('gives every row to each sink once, though one of them is away for a while', async () => {
  const [postgres, jsonl] = [new MemoryLedger(), new MemoryLedger()]
  postgres.away = true
  const small = { memoryRowsMax: 20, batchRowsMax: 7, segmentBytesMax: 5_000 }
  const journal = await start({ postgres, jsonl }, small)
  const rows: UsageRow[] = []
  for (let turn = 0; turn < 20; turn++) rows.push(...(await write(journal, 5)))
  // The one that is there waits for nobody.
  await expect.poll(() => jsonl.rows.length).toBe(100)
  await expect.poll(() => journal.standing().sinks[0]?.failures).toBeGreaterThan(1)
  expect(journal.standing()).toMatchObject({
    pendingRows: 100,
    sinks: [
      { name: 'postgres', pendingRows: 100, delivered: 0, failingMs: expect.any(Number), lastFlush: undefined },
      { name: 'jsonl', pendingRows: 0, delivered: 100, failures: 0, failingMs: undefined },
    ],
  })
  // What one of them has yet to get stays on disk.
  expect(journal.standing().segments).toBeGreaterThan(10)

  rows.push(...(await write(journal, 30)))
  postgres.away = false
  await expect.poll(() => postgres.rows.length, { timeout: 5_000 }).toBe(130)
  await expect.poll(() => jsonl.rows.length).toBe(130)
  expect(postgres.rows).toEqual(rows)
  expect(jsonl.rows).toEqual(rows)
  await journal.close()
  expect(readdirSync(dir)).toEqual([])
})

test('gives what a dead process left to each sink once, though one of them is away', async () => {
  const away = new MemoryLedger()
  away.away = true
  const rows = await write(await start({ away }), 20)
  const killed = join(root, 'killed')
  copyAsIfKilled(dir, killed)

  const [postgres, jsonl] = [new MemoryLedger(), new MemoryLedger()]
  postgres.away = true
  const next = await start({ postgres, jsonl }, { dir: killed, batchRowsMax: 20 })
  await expect.poll(() => jsonl.rows.length).toBe(20)
  await expect.poll(() => next.standing().sinks[0]?.failures).toBeGreaterThan(1)
  postgres.away = false
  await next.adopted
  expect(postgres.rows).toEqual(rows)
  expect(jsonl.rows).toEqual(rows)
})

test('gives a sink all that dead processes left, those that die later too, while another sink is away', async () => {
  const away = new MemoryLedger()
  away.away = true
  const dead: UsageRow[] = []
  // Two journals of processes that are gone, with more than a batch each.
  for (let process = 0; process < 2; process++) {
    const before = await start({ away })
    dead.push(...(await write(before, 25)))
    const unfinished = openedRow()
    await before.open(unfinished)
    dead.push(unfinished)
    await before.close()
  }
  const [postgres, jsonl] = [new MemoryLedger(), new MemoryLedger()]
  jsonl.away = true
  const next = await start({ postgres, jsonl }, { batchRowsMax: 10, adoptEveryMs: 20 })
  await expect.poll(() => postgres.ids).toEqual(dead.map(({ id }) => id))

  const another = await start({ away })
  const later = await write(another, 5)
  await another.close()
  await expect.poll(() => postgres.ids.slice(52)).toEqual(later.map(({ id }) => id))
  expect(next.standing()).toMatchObject({ orphans: 2, sinks: [{ delivered: 57 }, { delivered: 0 }] })
  // What one of them has yet to get stays on disk.
  expect(readdirSync(dir).filter((name) => name.endsWith('.log')).length).toBe(3)

  jsonl.away = false
  await next.adopted
  await expect.poll(() => jsonl.ids).toEqual(postgres.ids)
  await expect.poll(() => readdirSync(dir).length).toBe(1)
  expect(next.standing()).toMatchObject({ orphans: 2, sinks: [{ delivered: 57 }, { delivered: 57 }] })
})

test('leaves to the next start what one of two sinks did not get of a dead process', async () => {
  const away = new MemoryLedger()
  away.away = true
  const before = await start({ away })
  const rows = await write(before, 20)
  await before.close()
  const postgres = new MemoryLedger()
  const next = await start({ postgres, away })
  await expect.poll(() => postgres.rows.length).toBe(20)
  await next.close()

  const later = new MemoryLedger()
  await (await start({ later })).adopted
  expect(later.rows).toEqual(rows)
  await expect.poll(() => readdirSync(dir).length).toBe(1)
})

test('keeps what one of two sinks did not get until the next start', async () => {
  const [postgres, jsonl] = [new MemoryLedger(), new MemoryLedger()]
  postgres.hung = true
  const journal = await start({ postgres, jsonl })
  const rows = await write(journal, 5)
  await journal.close()
  expect(jsonl.rows).toEqual(rows)

  const later = new MemoryLedger()
  const next = await start({ later })
  await next.adopted
  expect(later.rows).toEqual(rows)
})

test('tells how many rows a sink has put aside', async () => {
  const postgres = Object.assign(new MemoryLedger(), { quarantined: 3 })
  const journal = await start({ postgres, jsonl: new MemoryLedger() })
  expect(journal.standing().sinks.map(({ quarantined }) => quarantined)).toEqual([3, 0])
})

test('tells of each batch that a sink took, to whoever watches', async () => {
  const journal = await start({ postgres: new MemoryLedger() }, { batchRowsMax: 4, flushRows: 4 })
  const flushes: Flush[] = []
  journal.watch((flush) => flushes.push(flush))
  await write(journal, 8)
  await expect
    .poll(() => flushes)
    .toMatchObject([
      { sink: 'postgres', rows: 4, tookMs: expect.any(Number) },
      { sink: 'postgres', rows: 4 },
    ])
})

test('ends a batch where it holds too much text, but never at nothing', async () => {
  const ledger = new MemoryLedger()
  ledger.away = true
  const journal = await start({ ledger }, { memoryRowsMax: 1 })
  // Five million characters each, of which eight make a batch.
  const rows = Array.from({ length: 3 }, () => ({ ...finalRow(), usage_raw: 'x'.repeat(5_000_000) }))
  await Promise.all(rows.map((row) => journal.row(row)))
  ledger.away = false
  await expect.poll(() => ledger.batches, { timeout: 5_000 }).toEqual([1, 1, 1])
})

test('goes on with fewer rows at once where a sink cannot take as many', async () => {
  const ledger = new MemoryLedger()
  ledger.rowsMax = 120
  const journal = await start({ ledger }, { batchRowsMax: 400, flushRows: 1_000 })
  const rows = await write(journal, 900)
  await expect.poll(() => ledger.rows.length, { timeout: 10_000 }).toBe(900)
  expect(ledger.rows).toEqual(rows)
  expect(journal.standing().sinks[0]?.failures).toBeGreaterThan(1)
})
