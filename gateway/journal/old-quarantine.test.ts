import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock as clock } from '../domain/clock.ts'
import { openJournal } from './open-journal.ts'
import { finalRow, MemoryLedger } from './sample-row.fixture.ts'

test('delivers what release 0.2.0 put in quarantine again, and removes the file', async () => {
  const root = mkdtempSync(join(tmpdir(), 'journal-'))
  const dir = join(root, 'journal')
  mkdirSync(dir)
  const rows = Array.from({ length: 1_200 }, () => finalRow())
  const lines = rows.map((row) => JSON.stringify({ at: '2026-11-01T00:00:00.000Z', reason: 'invalid byte', row }))
  // One that a process had taken up that died over it; and the last line of the other was never finished.
  writeFileSync(join(dir, 'quarantine.jsonl.0199'), `${lines.slice(0, 10).join('\n')}\n`)
  writeFileSync(join(dir, 'quarantine.jsonl'), `${lines.slice(10).join('\n')}\n{"at":"2026-11-01T00`)
  const ledger = new MemoryLedger()
  const journal = await openJournal({ dir, clock, sinks: { ledger } })
  await journal.adopted
  await journal.close()
  expect(new Map(ledger.rows.map((row) => [row.id, row]))).toEqual(new Map(rows.map((row) => [row.id, row])))
  expect(ledger.rows.length).toBe(1_200)
  expect(readdirSync(dir)).toEqual([])
  rmSync(root, { recursive: true })
})
