import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock as clock } from '../domain/clock.ts'
import type { JournalSettings as Policy } from '../domain/settings.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { type OpenJournal, openJournal } from './open-journal.ts'
import { finalRow, MemoryLedger, openedRow } from './sample-row.fixture.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'journal-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

function runs(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

const mountsTmpfs = (() => {
  const probe = mkdtempSync(join(tmpdir(), 'journal-mount-'))
  const mounted = runs('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe) && runs('umount', probe)
  rmSync(probe, { recursive: true })
  return mounted
})()

/** A disk of 256 KiB, of which 100 KB are taken until `makeRoom`. */
async function onSmallDisk(work: (dir: string, makeRoom: () => void) => Promise<void>): Promise<void> {
  const disk = join(root, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk])
  try {
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(100_000))
    await work(join(disk, 'journal'), () => rmSync(join(disk, 'ballast')))
  } finally {
    // Lazily: a test that failed leaves its journal open.
    execFileSync('umount', ['-l', disk])
  }
}

/** The ids of what the next process finds, with what it found broken. */
async function afterwards(dir: string): Promise<{ readonly complete: readonly string[]; readonly torn: number }> {
  const ledger = new MemoryLedger()
  const journal = await openJournal({ dir, clock, sinks: { ledger } })
  await journal.adopted
  const { torn } = journal.standing()
  await journal.close()
  return { complete: ledger.rows.filter(({ status }) => status === 'complete').map(({ id }) => id), torn }
}

const small = { clock, segmentBytesMax: 20_000, drainMsMax: 20 }
const refuse: Policy = { durability: 'process', onLoss: 'refuse' }
const serve: Policy = { durability: 'process', onLoss: 'serve' }

test.skipIf(!mountsTmpfs)(
  'refuses calls while the disk is full, and goes on by itself when there is room',
  async () => {
    await onSmallDisk(async (dir, makeRoom) => {
      const ledger = new MemoryLedger()
      ledger.away = true
      const journal = await openJournal({ dir, sinks: { ledger }, policy: () => refuse, ...small })
      const written: string[] = []
      let refused = 0
      const write = async (): Promise<void> => {
        const row = finalRow()
        try {
          await journal.open(openedRow(row.id))
        } catch (error) {
          expect(error).toMatchObject({ code: 'journal_unavailable', status: 503, cause: { code: 'ENOSPC' } })
          refused++
          return
        }
        journal.progress(row.id, { usage: { output: 1 }, source: 'counted' })
        await journal.row(row)
        written.push(row.id)
      }
      while (refused < 50) await write()
      // The opens of some had room and their rows had none: memory has these, and nothing is lost.
      const { rowsAtRisk } = journal.standing()
      expect(journal.standing()).toMatchObject({
        failing: { operation: 'write', code: 'ENOSPC' },
        writeErrors: 50 + rowsAtRisk,
        pendingRows: written.length,
        liveAttempts: rowsAtRisk,
        rowsLost: 0,
        problem: expect.stringMatching(/^the disk is full \(ENOSPC\): calls are refused/),
      })

      makeRoom()
      for (let count = 0; count < 20; count++) await write()
      expect(refused).toBe(50)
      await expect.poll(() => journal.standing().rowsAtRisk, { timeout: 5_000 }).toBe(0)
      expect(journal.standing()).toMatchObject({ problem: undefined, pendingRows: written.length, liveAttempts: 0 })
      await journal.close()
      const { complete, torn } = await afterwards(dir)
      expect({ torn, complete: [...complete].sort() }).toEqual({ torn: 0, complete: [...written].sort() })
    })
  },
)

test.skipIf(!mountsTmpfs)(
  'serves on while the disk is full: rows go to the sinks, or are kept, or counted',
  async () => {
    await onSmallDisk(async (dir, makeRoom) => {
      const ledger = new MemoryLedger()
      ledger.away = true
      const journal = await openJournal({ dir, sinks: { ledger }, policy: () => serve, keptRowsMax: 60, ...small })
      const ids: string[] = []
      const write = async (): Promise<void> => {
        const row = finalRow()
        ids.push(row.id)
        await journal.open(openedRow(row.id))
        await journal.row(row)
      }
      while (journal.standing().rowsLost < 10) await write()
      const full = journal.standing()
      expect(full).toMatchObject({ rowsAtRisk: 60, pendingRows: ids.length - 10, failing: { code: 'ENOSPC' } })
      expect(full.problem).toBe('the disk is full (ENOSPC): calls are served; rows that only memory has: 60')
      expect(full.opensDropped).toBeGreaterThan(50)

      // There is a sink again, and still no room: rows pass through memory.
      ledger.away = false
      await expect.poll(() => ledger.rows.length, { timeout: 5_000 }).toBe(ids.length - 10)
      expect(journal.standing()).toMatchObject({ rowsAtRisk: 0, rowsLost: 10, pendingRows: 0 })
      await expect.poll(() => journal.standing().segments).toBe(1)

      // Delivered segments have made room already; the rest too is written now.
      makeRoom()
      ledger.away = true
      for (let count = 0; count < 20; count++) await write()
      expect(journal.standing()).toMatchObject({ rowsAtRisk: 0, rowsLost: 10, pendingRows: 20, problem: undefined })
      await journal.close()
      // Behind rows that had been delivered, in the segment that was still being written.
      expect((await afterwards(dir)).complete.slice(-20)).toEqual(ids.slice(-20))
      expect(new Set(ledger.ids).size).toBe(ledger.ids.length)
    })
  },
)

test.skipIf(!mountsTmpfs)('writes rows that memory kept, for the next start, once there is room', async () => {
  await onSmallDisk(async (dir, makeRoom) => {
    const [postgres, jsonl] = [new MemoryLedger(), new MemoryLedger()]
    postgres.away = true
    const journal = await openJournal({ dir, sinks: { postgres, jsonl }, policy: () => serve, ...small })
    const ids: string[] = []
    while (journal.standing().rowsAtRisk < 30) {
      const row = finalRow()
      ids.push(row.id)
      await journal.row(row)
    }
    await expect.poll(() => jsonl.rows.length).toBe(ids.length)
    expect(journal.standing().rowsAtRisk).toBe(30)
    makeRoom()
    // Nobody calls meanwhile: it is tried again all the same.
    await expect.poll(() => journal.standing().rowsAtRisk, { timeout: 5_000 }).toBe(0)
    expect(journal.standing()).toMatchObject({ problem: undefined, pendingRows: ids.length })
    postgres.away = false
    await expect.poll(() => postgres.rows.length, { timeout: 5_000 }).toBe(ids.length)
    // What was written late is not delivered again because it lies on disk.
    await journal.close()
    expect([postgres.ids.length, jsonl.ids.length]).toEqual([ids.length, ids.length])
    expect(new Set(postgres.ids)).toEqual(new Set(ids))
    expect(readdirSync(dir)).toEqual([])
  })
})

/** A journal whose disk takes nothing from the first. */
async function withoutDisk(ledger: MemoryLedger, policy: Policy): Promise<OpenJournal> {
  const dir = join(root, 'gone')
  const journal = await openJournal({ dir, sinks: { ledger }, policy: () => policy, keptRowsMax: 50, ...small })
  rmSync(dir, { recursive: true })
  return journal
}

test('keeps rows that were paid for, however many refusals there are', async () => {
  const ledger = new MemoryLedger()
  ledger.away = true
  const journal = await withoutDisk(ledger, refuse)
  const refusal = (): UsageRow => ({ ...openedRow(), attempt: 0, status: 'refused', revision: 2 })
  for (let count = 0; count < 100; count++) await journal.row(refusal())
  expect(journal.standing()).toMatchObject({ rowsAtRisk: 5, rowsLost: 0, refusalsLost: 95 })
  const paid = Array.from({ length: 50 }, () => finalRow())
  for (const row of paid) await journal.row(row)
  expect(journal.standing()).toMatchObject({ rowsAtRisk: 55, rowsLost: 0, refusalsLost: 95 })
  ledger.away = false
  await expect.poll(() => ledger.ids.slice(5)).toEqual(paid.map(({ id }) => id))
  // What was delivered leaves room for others.
  ledger.away = true
  for (let count = 0; count < 6; count++) await journal.row(refusal())
  expect(journal.standing()).toMatchObject({ rowsAtRisk: 5, refusalsLost: 96 })
  await journal.close()
})

test.each([refuse, serve])(
  'takes no rows that it cannot write, under $onLoss, and keeps none of them',
  async (policy) => {
    const ledger = new MemoryLedger()
    const journal = await withoutDisk(ledger, policy)
    const rows = [finalRow(), finalRow()]
    const refused = { code: 'journal_unavailable', status: 503, cause: { code: 'ENOENT' } }
    await expect(journal.take(rows)).rejects.toMatchObject(refused)
    expect(journal.standing()).toMatchObject({ pendingRows: 0, rowsAtRisk: 0, rowsLost: 0 })
    mkdirSync(join(root, 'gone'))
    await journal.take(rows)
    await expect.poll(() => ledger.rows).toEqual(rows)
    await journal.take([])
    await journal.close()
    await expect(journal.take(rows)).rejects.toMatchObject({ code: 'journal_unavailable' })
  },
)

test('waits no more for rows of a segment that was cut short, and leaves it for the next start', async () => {
  const dir = join(root, 'journal')
  const ledger = new MemoryLedger()
  ledger.away = true
  const journal = await openJournal({ dir, sinks: { ledger }, ...small, memoryRowsMax: 10, segmentBytesMax: 1 << 20 })
  const rows = Array.from({ length: 50 }, () => finalRow())
  for (const row of rows) await journal.row(row)
  const [segment = ''] = readdirSync(dir).filter((name) => name.endsWith('.log'))
  // Half of them, and the first byte of the next.
  truncateSync(join(dir, segment), statSync(join(dir, segment)).size / 2 + 1)
  ledger.away = false
  await expect.poll(() => journal.standing().pendingRows, { timeout: 5_000 }).toBe(0)
  expect(ledger.ids).toEqual(rows.slice(0, 25).map(({ id }) => id))
  const next = finalRow()
  await journal.row(next)
  await expect.poll(() => ledger.ids.at(-1)).toBe(next.id)
  await journal.close()
  expect(readdirSync(dir)).toContain(segment)
})

/** Lets every further write to the newest segment fail, and its truncation too: its descriptor leads to /dev/full. */
function breakSegment(dir: string): void {
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${dir}/`) ? [Number(fd)] : []
    } catch {
      return []
    }
  })
  const [fd = -1] = open.filter((each) => readlinkSync(`/proc/self/fd/${each}`).endsWith('.log'))
  closeSync(fd)
  expect(openSync('/dev/full', 'a')).toBe(fd)
}

test('leaves a segment behind that cannot be written any more, and keeps its row', async () => {
  const dir = join(root, 'journal')
  const ledger = new MemoryLedger()
  ledger.away = true
  const journal: OpenJournal = await openJournal({ dir, sinks: { ledger }, ...small })
  const rows = [finalRow(), finalRow(), finalRow()] as const
  await journal.row(rows[0])
  breakSegment(dir)
  await journal.row(rows[1])
  expect(journal.standing()).toMatchObject({ writeErrors: 1, rowsAtRisk: 1, pendingRows: 2 })
  await journal.row(rows[2])
  expect(journal.standing()).toMatchObject({ writeErrors: 1, segments: 2, pendingRows: 3 })
  // The broken one cannot be synced either, at its end; the new one can.
  await expect.poll(() => journal.standing().failing).toBe(undefined)
  ledger.away = false
  await journal.close()
  expect([...ledger.ids].sort()).toEqual(rows.map(({ id }) => id).sort())
  expect(readdirSync(dir)).toEqual([])
})
