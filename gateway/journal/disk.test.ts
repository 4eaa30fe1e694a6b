import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock as clock } from '../domain/clock.ts'
import { openJournal } from './open-journal.ts'
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

test.skipIf(!mountsTmpfs)('says so when the disk is full, and goes on by itself when there is room again', async () => {
  const disk = join(root, 'disk')
  const dir = join(disk, 'journal')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk])
  try {
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(100_000))
    const ledger = new MemoryLedger()
    ledger.away = true
    const settings = { dir, clock, segmentBytesMax: 20_000, drainMsMax: 20 }
    const journal = await openJournal({ ...settings, sink: ledger })
    const written: string[] = []
    let refused = 0
    const write = async (): Promise<void> => {
      const row = finalRow()
      try {
        await journal.open(openedRow(row.id))
        journal.progress(row.id, { usage: { output: 1 }, source: 'counted' })
        await journal.row(row)
        written.push(row.id)
      } catch (error) {
        expect(error).toMatchObject({ code: 'journal_unavailable', status: 503, cause: { code: 'ENOSPC' } })
        refused++
      }
    }
    while (refused < 50) await write()
    expect(journal.standing()).toMatchObject({ failing: 'write', writeErrors: 50, pendingRows: written.length })

    rmSync(join(disk, 'ballast'))
    for (let count = 0; count < 20; count++) await write()
    expect(refused).toBe(50)
    expect(journal.standing()).toMatchObject({ failing: undefined, pendingRows: written.length })
    await journal.close()

    const next = new MemoryLedger()
    const successor = await openJournal({ ...settings, sink: next })
    await successor.adopted
    expect(next.rows.filter(({ status }) => status === 'complete').map(({ id }) => id)).toEqual(written)
    expect(successor.standing().torn).toBe(0)
    await successor.close()
  } finally {
    // Lazily: a test that failed leaves its journal open.
    execFileSync('umount', ['-l', disk])
  }
})

/** Writes a row, fails to sync it, and says how the journal stands then and a row later. */
const script = `
  const [here, dir] = process.argv.slice(1)
  const { openJournal } = await import(here + '/open-journal.ts')
  const { finalRow, MemoryLedger } = await import(here + '/sample-row.fixture.ts')
  const { systemClock: clock } = await import(here + '/../domain/clock.ts')
  setTimeout(() => process.exit(3), 10_000).unref()
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const sink = new MemoryLedger()
  const journal = await openJournal({ dir, clock, sink, syncEveryMs: 5, flushEveryMs: 60_000 })
  await journal.row(finalRow())
  while (journal.standing().syncErrors === 0) await sleep(1)
  const during = journal.standing()
  await journal.row(finalRow())
  while (journal.standing().failing) await sleep(1)
  const after = journal.standing()
  await journal.close()
  console.log(JSON.stringify({ during, after, delivered: sink.rows.length }))
`

const traces = runs('strace', '-f', '-o', '/dev/null', '-e', 'trace=fdatasync', 'true')

test.skipIf(!traces)('goes on in a new segment when the disk fails to sync', async () => {
  const inject = ['-f', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=1']
  const node = [process.execPath, '--input-type=module', '-e', script, import.meta.dirname, join(root, 'journal')]
  // strace counts the calls of each thread by itself.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
  const { stdout, stderr } = spawnSync('strace', [...inject, ...node], { encoding: 'utf8', env })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({
    during: { failing: 'fdatasync', syncErrors: 1, writeErrors: 0, segments: 1 },
    after: { syncErrors: 1, writeErrors: 0, segments: 2, pendingRows: 2 },
    delivered: 2,
  })
})
