import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock as clock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import { openJournal } from './open-journal.ts'
import { bytesMax, encode, letters } from './records.ts'
import { MemoryLedger } from './sample-row.fixture.ts'

/** The long form starts on every flipped bit; the short form on every eleventh, which has all eight places of a byte. */
const step = process.env['TOLLGATE_TORTURE'] === '1' ? 1 : 11

const rows = Array.from({ length: 5 }, () => rowAt(Date.now()))
const lines = rows.map((row) => {
  const json = JSON.stringify(row)
  const line = Buffer.alloc(bytesMax(json))
  return line.subarray(0, encode(letters.row, json, line, 0))
})
const whole = Buffer.concat(lines)

/** What a start finds in a dead process's only segment, and that it leaves nothing behind. */
async function found(dir: string, segment: Buffer) {
  mkdirSync(dir)
  writeFileSync(join(dir, `${uuidV7(0)}-0.log`), segment)
  const ledger = new MemoryLedger()
  const journal = await openJournal({ dir, clock, sinks: { ledger } })
  await journal.adopted
  const { torn, orphans } = journal.standing()
  await journal.close()
  expect(readdirSync(dir)).toEqual([])
  rmSync(dir, { recursive: true })
  return { torn, orphans, ids: ledger.ids }
}

const ids = rows.map(({ id }) => id)
const startOfLast = (count: number) => Buffer.concat(lines.slice(0, -count)).length

test('starts on a journal that was torn at any byte of its last three records', { timeout: 120_000 }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'journal-'))
  const ends = lines.map((_, index) => Buffer.concat(lines.slice(0, index + 1)).length)
  let starts = 0
  for (let length = startOfLast(3); length <= whole.length; length++) {
    starts++
    const { ids: recovered, torn } = await found(join(root, 'journal'), whole.subarray(0, length))
    // A record that lacks nothing but its line break is whole.
    const complete = ends.filter((end) => end - 1 <= length)
    expect(recovered).toEqual(ids.slice(0, complete.length))
    const boundary = ends.includes(length) || ends.includes(length + 1)
    expect({ length, torn }).toEqual({ length, torn: boundary ? 0 : 1 })
  }
  process.stdout.write(`torn at each of ${starts} bytes: started, and recovered every whole record\n`)
  rmSync(root, { recursive: true })
})

test('starts on a journal with a flipped bit in its last two records', { timeout: 600_000 }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'journal-'))
  let starts = 0
  for (let bit = startOfLast(2) * 8; bit < whole.length * 8; bit += step) {
    starts++
    const flipped = Buffer.from(whole)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const { ids: recovered, torn } = await found(join(root, 'journal'), flipped)
    expect(recovered.slice(0, 3)).toEqual(ids.slice(0, 3))
    // A line break that is none any more costs nothing: the checksums tell where records begin.
    const inBreak = whole[bit >> 3] === 0x0a
    expect(recovered.length).toBeGreaterThanOrEqual(inBreak ? 5 : 4)
    expect({ bit, torn: torn > 0 }).toEqual({ bit, torn: recovered.length < 5 })
  }
  process.stdout.write(`${starts} flipped bits: started, and lost at most the record that was hit\n`)
  rmSync(root, { recursive: true })
})
