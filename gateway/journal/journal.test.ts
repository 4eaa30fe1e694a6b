import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock as clock } from '../domain/clock.ts'
import { Fault } from '../domain/fault.ts'
import { uuidV7 } from '../domain/id.ts'
import { copyAsIfKilled } from './as-if-killed.fixture.ts'
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

async function start(sink: MemoryLedger, more: Partial<JournalSettings> = {}): Promise<OpenJournal> {
  const journal = await openJournal({ dir, clock, sinks: { ledger: sink }, flushEveryMs: 5, drainMsMax: 50, ...more })
  opened.push(journal)
  return journal
}

function segmentsIn(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.log'))
}

/** What the folder of a journal would be, had its process died now. */
function asIfKilled(): string {
  const copy = join(root, `killed-${readdirSync(root).length}`)
  copyAsIfKilled(dir, copy)
  return copy
}

/** What a process that starts on this folder delivers, before it has anything of its own. */
async function adopted(folder: string): Promise<MemoryLedger> {
  const ledger = new MemoryLedger()
  const journal = await start(ledger, { dir: folder })
  await journal.adopted
  return ledger
}

test('delivers rows in the order they were written, and leaves nothing on disk', async () => {
  const ledger = new MemoryLedger()
  const journal = await start(ledger)
  const rows = Array.from({ length: 25 }, () => finalRow())
  // In one turn, before the flusher can take the first.
  await Promise.all(rows.flatMap((row) => [journal.open(openedRow(row.id)), journal.row(row)]))
  expect(journal.standing()).toMatchObject({ pendingRows: 25, liveAttempts: 0, segments: 1, sinks: [{ delivered: 0 }] })
  await expect.poll(() => ledger.rows).toEqual(rows)
  expect(journal.standing()).toMatchObject({
    pendingRows: 0,
    oldestPendingMs: 0,
    problem: undefined,
    sinks: [{ name: 'ledger', delivered: 25, failures: 0, failingMs: undefined, lastFlush: { rows: 25 } }],
  })
  await journal.close()
  expect(readdirSync(dir)).toEqual([])
})

test('delivers at once when many rows wait, in batches', async () => {
  const ledger = new MemoryLedger()
  const journal = await start(ledger, { flushEveryMs: 60_000, flushRows: 10, batchRowsMax: 10 })
  const rows = Array.from({ length: 25 }, () => finalRow())
  await Promise.all(rows.map((row) => journal.row(row)))
  await expect.poll(() => ledger.batches).toEqual([10, 10])
  await journal.close()
  expect(ledger.batches).toEqual([10, 10, 5])
  expect(ledger.rows).toEqual(rows)
})

test('has a row on disk when row() resolves, and an open when open() does', async () => {
  const ledger = new MemoryLedger()
  ledger.away = true
  const journal = await start(ledger)
  const row = finalRow()
  await journal.row(row)
  expect(
    segmentsIn(dir)
      .map((name) => readFileSync(join(dir, name), 'utf8'))
      .join(''),
  ).toContain(row.id)
  const unfinished = openedRow()
  await journal.open(unfinished)
  expect((await adopted(asIfKilled())).ids).toEqual([row.id, unfinished.id])
})

test('writes what comes in one turn together, in its order', async () => {
  const away = new MemoryLedger()
  away.away = true
  const journal = await start(away)
  const rows = Array.from({ length: 3 }, () => finalRow())
  const written = rows.flatMap((row) => [journal.open(openedRow(row.id)), journal.row(row)])
  expect(segmentsIn(dir)).toEqual([])
  await Promise.all(written)
  expect(journal.standing()).toMatchObject({ pendingRows: 3, liveAttempts: 0 })
  expect((await adopted(asIfKilled())).rows).toEqual(rows)
})

test('closes attempts of a dead process as orphans, with the usage they are known to have had', async () => {
  const away = new MemoryLedger()
  away.away = true
  const journal = await start(away)
  const [silent, early, late] = [openedRow(), openedRow(), openedRow()]
  await Promise.all([silent, early, late].map((row) => journal.open(row)))
  journal.progress(early.id, { usage: { output: 7 }, source: 'counted', said: 'a secret' })
  journal.progress(late.id, { usage: { output: 7 }, source: 'counted' })
  const raw = { prompt_tokens: 50, completion_tokens: 9 }
  journal.progress(late.id, { usage: { input: 50, output: 9 }, source: 'provider', raw })
  journal.progress(uuidV7(0), { usage: { output: 7 }, source: 'counted' })
  await new Promise(setImmediate)

  const ledger = new MemoryLedger()
  const reprice = (row: typeof silent) => ({ ...row, cost_nano_usd: 1_000 * (row.output_tokens ?? 0) })
  const next = await start(ledger, { dir: asIfKilled(), reprice })
  await next.adopted
  const died = { revision: 0, status: 'orphan', success: false, error_code: 'gateway_died' }
  expect(ledger.rows).toEqual([
    { ...silent, ...died },
    {
      ...early,
      ...died,
      parts: { input: 40, output: 7 },
      output_tokens: 7,
      total_tokens: 47,
      usage_source: 'counted',
      cost_nano_usd: 7_000,
    },
    {
      ...late,
      ...died,
      parts: { input: 50, output: 9 },
      input_tokens: 50,
      output_tokens: 9,
      total_tokens: 59,
      usage_source: 'provider_partial',
      usage_raw: raw,
      cost_nano_usd: 9_000,
    },
  ])
  expect(next.standing()).toMatchObject({ orphans: 3, torn: 0 })
  expect(
    segmentsIn(dir)
      .map((name) => readFileSync(join(dir, name), 'utf8'))
      .join(''),
  ).not.toContain('a secret')
})

test('skips and counts what is no record in the journal of a dead process', async () => {
  const away = new MemoryLedger()
  away.away = true
  const journal = await start(away)
  const rows = Array.from({ length: 5 }, () => finalRow())
  await Promise.all(rows.map((row) => journal.row(row)))
  const killed = asIfKilled()
  const [segment = ''] = segmentsIn(killed)
  const bytes = readFileSync(join(killed, segment))
  bytes.writeUInt8(bytes.readUInt8(100) ^ 4, 100)
  writeFileSync(join(killed, segment), bytes.subarray(0, -10))
  const ledger = new MemoryLedger()
  const next = await start(ledger, { dir: killed })
  await next.adopted
  expect(ledger.rows).toEqual(rows.slice(1, 4))
  expect(next.standing()).toMatchObject({ torn: 2, orphans: 0 })
  expect(segmentsIn(killed)).toEqual([])
})

test('gives the journal of a dead process to one of many that start at once', async () => {
  const away = new MemoryLedger()
  away.away = true
  const journal = await start(away)
  const rows = Array.from({ length: 50 }, () => finalRow())
  await Promise.all(rows.map((row) => journal.row(row)))
  const killed = asIfKilled()
  const ledgers = Array.from({ length: 5 }, () => new MemoryLedger())
  const starting = await Promise.all(ledgers.map((ledger) => start(ledger, { dir: killed })))
  await Promise.all(starting.map((next) => next.adopted))
  expect(ledgers.flatMap((ledger) => ledger.rows)).toEqual(rows)
})

test('keeps a journal of a dead process that cannot be delivered, for the next start', async () => {
  const away = new MemoryLedger()
  away.away = true
  const journal = await start(away)
  const rows = Array.from({ length: 5 }, () => finalRow())
  await Promise.all(rows.map((row) => journal.row(row)))
  const killed = asIfKilled()
  const failed = await start(away, { dir: killed })
  await failed.close()
  expect((await adopted(killed)).rows).toEqual(rows)
})

test('takes segments off the disk when they are delivered, and carries forward what is still open in them', async () => {
  const ledger = new MemoryLedger()
  ledger.away = true
  const journal = await start(ledger, { segmentBytesMax: 4_096 })
  const long = openedRow()
  await journal.open(long)
  journal.progress(long.id, { usage: { output: 3 }, source: 'counted' })
  for (let count = 0; count < 200; count++) await journal.row(finalRow())
  expect(segmentsIn(dir).length).toBeGreaterThan(40)
  ledger.away = false
  await expect.poll(() => ledger.rows.length).toBe(200)
  await expect.poll(() => segmentsIn(dir).length).toBe(1)

  const { rows } = await adopted(asIfKilled())
  expect(rows.filter(({ status }) => status === 'orphan')).toMatchObject([{ id: long.id, output_tokens: 3 }])
  const last = finalRow(long.id)
  await journal.row(last)
  await journal.close()
  expect(ledger.rows.at(-1)).toEqual(last)
  expect(readdirSync(dir)).toEqual([])
})

test('takes a delivered segment off the disk of a quiet gateway too', async () => {
  const ledger = new MemoryLedger()
  const journal = await start(ledger, { segmentAgeMsMax: 40 })
  await journal.row(finalRow())
  expect(segmentsIn(dir).length).toBe(1)
  await expect.poll(() => segmentsIn(dir)).toEqual([])
  expect(ledger.rows.length).toBe(1)
  await journal.row(finalRow())
  await expect.poll(() => ledger.rows.length).toBe(2)
})

test('loses nothing while the ledger is away, keeps the order, and keeps memory bounded', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const ledger = new MemoryLedger()
  ledger.away = true
  const journal = await start(ledger, { memoryRowsMax: 100, segmentBytesMax: 1 << 20 })
  const ids: string[] = []
  const write = (): Promise<void> => {
    const row = finalRow()
    ids.push(row.id)
    return journal.row(row)
  }
  for (let count = 0; count < 200; count++) await write()
  collect()
  const before = process.memoryUsage().heapUsed
  for (let count = 0; count < 20_000; count++) await write()
  collect()
  // In memory, 20,000 of these rows take more than 20 MB.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(6_000_000)
  expect(journal.standing()).toMatchObject({ pendingRows: 20_200, sinks: [{ delivered: 0 }] })
  await expect.poll(() => journal.standing().sinks[0]?.failures).toBeGreaterThan(0)
  expect(journal.standing().oldestPendingMs).toBeGreaterThan(0)

  ledger.away = false
  // Written while the backlog is read back: they come last all the same.
  while (journal.standing().pendingRows > 0) {
    if (ids.length < 21_000) for (let count = 0; count < 50; count++) await write()
    await sleep(1)
  }
  expect(ledger.ids).toEqual(ids)
  expect(journal.standing()).toMatchObject({ sinks: [{ delivered: ids.length }], torn: 0, segments: 1 })
})

test('closes though the ledger never answers, and delivers at the next start', async () => {
  const hung = new MemoryLedger()
  hung.hung = true
  const journal = await start(hung, { drainMsMax: 30 })
  const row = finalRow()
  await journal.row(row)
  await journal.close()
  expect((await adopted(dir)).rows).toEqual([row])
})

test('tries once more at its close, however long it had waited for the ledger', async () => {
  const ledger = new MemoryLedger()
  ledger.away = true
  const journal = await start(ledger, { drainMsMax: 20_000 })
  await journal.row(finalRow())
  // By now the next try is most of a second away.
  await expect.poll(() => journal.standing().sinks[0]?.failures, { timeout: 10_000 }).toBe(4)
  ledger.away = false
  await journal.close()
  expect(ledger.rows.length).toBe(1)
  expect(readdirSync(dir)).toEqual([])
})

test('refuses attempts that come after its close', async () => {
  const journal = await start(new MemoryLedger())
  await journal.close()
  await journal.close()
  await expect(journal.open(openedRow())).rejects.toThrow(Fault)
  // A row is never refused: it is said to be at risk, which after the close it is.
  await journal.row(finalRow())
  expect(journal.standing()).toMatchObject({ rowsAtRisk: 1, liveAttempts: 0 })
})

test('takes a record larger than a segment and than its own buffer', async () => {
  const ledger = new MemoryLedger()
  ledger.away = true
  const journal = await start(ledger, { segmentBytesMax: 1_000_000, memoryRowsMax: 1 })
  const rows = [finalRow(), { ...finalRow(), usage_raw: { text: '€'.repeat(3_000_000) } }, finalRow()]
  await Promise.all(rows.map((row) => journal.row(row)))
  ledger.away = false
  await expect.poll(() => ledger.rows.length, { timeout: 5_000 }).toBe(3)
  expect(ledger.rows).toEqual(rows)
})
