import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

/** What the journal does where the kernel refuses, in a process of its own. */
let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'journal-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

const child = join(import.meta.dirname, 'disk.child.ts')

function said(what: string, command: string, ...args: readonly string[]): unknown {
  // strace counts the calls of each thread by itself.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' }
  const own = [process.execPath, child, join(root, 'journal'), what]
  const { stdout, stderr } = spawnSync(command, [...args, ...own], { encoding: 'utf8', env })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

const traced = ['-f', '-e', 'trace=fdatasync,fsync']
const traces = spawnSync('strace', [...traced, '-o', '/dev/null', 'true'], { stdio: 'ignore' }).status === 0
const limits = spawnSync('prlimit', ['--fsize=0:', 'true'], { stdio: 'ignore' }).status === 0

function underStrace(what: string, fault: string): unknown {
  return said(what, 'strace', ...traced, '-o', join(root, 'trace'), '-e', `inject=fdatasync:${fault}`)
}

test.skipIf(!traces)('goes on in a new segment when the disk fails to sync', () => {
  expect(underStrace('sync-fails', 'error=EIO:when=1')).toMatchObject({
    during: {
      failing: { operation: 'fdatasync', code: 'EIO' },
      problem: 'the disk fails (EIO): a crash of the machine may lose the last rows',
      syncErrors: 1,
      writeErrors: 0,
      segments: 1,
    },
    after: { syncErrors: 1, writeErrors: 0, segments: 2, pendingRows: 2 },
    delivered: 2,
  })
})

test.skipIf(!traces)(
  'machine: an attempt whose record the disk itself does not have is not made, nor an orphan',
  () => {
    expect(underStrace('machine-sync-fails', 'error=EIO:when=1')).toMatchObject({
      opened: ['rejected'],
      orphans: [true],
      during: { syncErrors: 1, liveAttempts: 0 },
      after: { syncErrors: 1, liveAttempts: 1, pendingRows: 1 },
      delivered: 1,
    })
  },
)

test.skipIf(!traces)('machine: a row waits for the disk, and all who wait meanwhile share one fdatasync', () => {
  const { first, last } = underStrace('machine-waits', 'delay_enter=100000') as { first: number; last: number }
  expect(first).toBeGreaterThanOrEqual(100)
  // Two for 64: the one that the first asked for, and the one for all who came while it was under way. The third is
  // the close.
  expect(last).toBeGreaterThanOrEqual(200)
  const trace = readFileSync(join(root, 'trace'), 'utf8')
  expect(trace.match(/fdatasync\(/g)?.length).toBeLessThanOrEqual(3)
  // The name of the folder, and of the one segment in it.
  expect(trace.match(/fsync\(/g)?.length).toBe(2)
})

test.skipIf(!limits)('serves on where files may not grow, and writes what it kept when they may', () => {
  expect(said('write-fails', 'prlimit', '--fsize=0:')).toMatchObject({
    during: {
      failing: { operation: 'write', code: 'EFBIG' },
      problem: 'the disk takes nothing (EFBIG): calls are served; rows that only memory has: 10',
      rowsAtRisk: 10,
      opensDropped: 10,
      rowsLost: 0,
    },
    after: { rowsAtRisk: 0, pendingRows: 10 },
    delivered: 10,
  })
})
