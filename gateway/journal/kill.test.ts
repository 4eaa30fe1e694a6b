import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { openJournal } from './open-journal.ts'
import { MemoryLedger } from './sample-row.fixture.ts'

let dir: string
let children: Writer[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'journal-'))
})

afterEach(async () => {
  await Promise.all(children.map((child) => child.kill()))
  children = []
  rmSync(dir, { recursive: true })
})

/** A child that writes rows; `said` are the ids of those that its journal took. */
interface Writer {
  readonly said: readonly string[]
  kill(): Promise<void>
}

async function startWriter(ledger?: string): Promise<Writer> {
  const script = join(import.meta.dirname, 'journal.child.ts')
  const process_: ChildProcess = spawn(process.execPath, [script, join(dir, 'journal'), ...(ledger ? [ledger] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = new Promise<void>((resolve) => process_.once('close', () => resolve()))
  const said: string[] = []
  let rest = ''
  process_.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    said.push(...lines)
  })
  const writer: Writer = {
    said,
    kill() {
      process_.kill('SIGKILL')
      return closed
    },
  }
  children.push(writer)
  while (said.length === 0 && process_.exitCode === null) await sleep(2)
  return writer
}

/** The row on a line of the ledger file; none on one whose writer was killed before it could acknowledge it. */
function rowOf(line: string): readonly UsageRow[] {
  try {
    return [JSON.parse(line)]
  } catch {
    return []
  }
}

async function recover(sink = new MemoryLedger()): Promise<MemoryLedger> {
  const journal = await openJournal({ dir: join(dir, 'journal'), clock: systemClock, sinks: { sink } })
  await journal.adopted
  await journal.close()
  return sink
}

test('has every row, once, whose write returned before a kill -9, twenty times over', { timeout: 60_000 }, async () => {
  for (let round = 0; round < 20; round++) {
    const writer = await startWriter()
    await sleep(Math.random() * 60)
    await writer.kill()

    const { rows: recovered } = await recover()
    const final = recovered.filter(({ status }) => status === 'complete').map(({ id }) => id)
    const orphans = recovered.filter(({ status }) => status === 'orphan').map(({ id }) => id)
    expect(new Set(recovered.map(({ id }) => id)).size).toBe(recovered.length)
    expect(writer.said.length).toBeGreaterThan(0)
    // Twenty at a time are under way, whose ids the child had no time to say.
    expect(final.slice(0, writer.said.length)).toEqual(writer.said)
    expect(final.length - writer.said.length).toBeLessThanOrEqual(20)
    expect(Math.abs(orphans.length - final.length / 9)).toBeLessThanOrEqual(20)
    expect(readdirSync(join(dir, 'journal'))).toEqual([])
  }
})

test('has every row in the ledger when processes die that were delivering', { timeout: 60_000 }, async () => {
  const path = join(dir, 'ledger.jsonl')
  const said: string[] = []
  for (let round = 0; round < 5; round++) {
    const writer = await startWriter(path)
    await sleep(50 + Math.random() * 200)
    await writer.kill()
    said.push(...writer.said)
  }
  const { rows } = await recover()
  const delivered = readFileSync(path, 'utf8').split('\n').flatMap(rowOf)

  // As the ledger does: a row replaces one of the same id and a lower revision.
  const ledger = new Map<string, UsageRow>()
  for (const row of [...delivered, ...rows]) {
    if ((ledger.get(row.id)?.revision ?? -1) < row.revision) ledger.set(row.id, row)
  }
  expect(said.filter((id) => ledger.get(id)?.status !== 'complete')).toEqual([])
  expect(readdirSync(join(dir, 'journal'))).toEqual([])
})

test('leaves the journal of a living process alone, and adopts it when that process dies', async () => {
  const writer = await startWriter()
  const ledger = new MemoryLedger()
  const journal = await openJournal({
    dir: join(dir, 'journal'),
    clock: systemClock,
    sinks: { ledger },
    adoptEveryMs: 20,
  })
  await journal.adopted
  await sleep(100)
  expect(ledger.rows).toEqual([])

  await writer.kill()
  await expect.poll(() => writer.said.every((id) => ledger.ids.includes(id))).toBe(true)
  await journal.close()
})
