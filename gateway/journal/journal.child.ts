/**
 * A process for the tests to kill: opens and finishes attempts at full speed, and says each id on its standard output
 * once the journal has its row. `argv`: the journal's folder, the path of a ledger file (none: the ledger is away).
 */
import { appendFileSync, writeSync } from 'node:fs'
import { systemClock } from '../domain/clock.ts'
import { uuidV7 } from '../domain/id.ts'
import type { UsageSink } from './journal.ts'
import { openJournal } from './open-journal.ts'
import { finalRow, openedRow } from './sample-row.fixture.ts'

const [dir = '', ledger] = process.argv.slice(2)
const sink: UsageSink = {
  async write(rows) {
    if (!ledger) throw new Error('connect ECONNREFUSED')
    // Begins a line of its own: the process before may have been killed in the middle of one.
    appendFileSync(ledger, `\n${rows.map(({ json }) => `${json}\n`).join('')}`)
  },
}

const journal = await openJournal({
  dir,
  clock: systemClock,
  sinks: { sink },
  flushEveryMs: 5,
  segmentBytesMax: 256 * 1024,
})

async function attempt(call: number): Promise<void> {
  const id = uuidV7(Date.now())
  await journal.open(openedRow(id))
  if (call === 0) journal.progress(id, { usage: { output: 5 }, source: 'counted' })
  // One in ten is never finished.
  if (call % 10 === 9) return
  await journal.row(finalRow(id))
  writeSync(1, `${id}\n`)
}

for (;;) await Promise.all(Array.from({ length: 20 }, (_, call) => attempt(call)))
