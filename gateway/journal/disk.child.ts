/**
 * A journal whose system calls a test makes fail, as it says in `argv`: the journal's folder, and what to do.
 * What came of it goes to the standard output as JSON.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock as clock } from '../domain/clock.ts'
import type { JournalSettings as Policy } from '../domain/settings.ts'
import { copyAsIfKilled } from './as-if-killed.fixture.ts'
import { openJournal } from './open-journal.ts'
import { finalRow, MemoryLedger, openedRow } from './sample-row.fixture.ts'

const [dir = '', what = ''] = process.argv.slice(2)
setTimeout(() => process.exit(3), 20_000).unref()

const sink = new MemoryLedger()
const policy: Policy = { durability: what === 'sync-fails' ? 'process' : 'machine', onLoss: 'refuse' }
if (what === 'write-fails') Object.assign(policy, { durability: 'process', onLoss: 'serve' })
const settings = { dir, clock, sinks: { sink }, syncEveryMs: 5, flushEveryMs: 60_000, policy: () => policy }
const journal = await openJournal(settings)

function written(): string {
  const segments = readdirSync(dir).filter((name) => name.endsWith('.log'))
  return segments.map((name) => readFileSync(join(dir, name), 'utf8')).join('')
}

const says: Readonly<Record<string, () => Promise<object>>> = {
  /** fdatasync fails once. */
  async 'sync-fails'() {
    await journal.row(finalRow())
    while (journal.standing().syncErrors === 0) await sleep(1)
    const during = journal.standing()
    await journal.row(finalRow())
    while (journal.standing().failing) await sleep(1)
    return { during, after: journal.standing() }
  },
  /** fdatasync fails once, and somebody waits for it. */
  async 'machine-sync-fails'() {
    const opened = await Promise.allSettled([journal.open(openedRow())])
    const during = journal.standing()
    const sent = openedRow()
    await journal.open(sent)
    await journal.row(finalRow())
    while (!written().includes(' u {')) await sleep(1)
    copyAsIfKilled(dir, `${dir}-killed`)
    const later = new MemoryLedger()
    const next = await openJournal({ ...settings, dir: `${dir}-killed`, sinks: { later } })
    await next.adopted
    await next.close()
    const orphans = later.rows.filter(({ status }) => status === 'orphan').map(({ id }) => id === sent.id)
    return { opened: opened.map(({ status }) => status), during, orphans, after: journal.standing() }
  },
  /** fdatasync is slow: how long 64 wait who come one after another, each in a turn of the loop of its own. */
  async 'machine-waits'() {
    const startedMs = clock.elapsed()
    const waits: number[] = []
    const waiting: Promise<unknown>[] = []
    for (let count = 0; count < 64; count++) {
      waiting.push(journal.row(finalRow()).then(() => waits.push(clock.elapsed() - startedMs)))
      await new Promise(setImmediate)
    }
    await Promise.all(waiting)
    return { first: waits[0], last: waits.at(-1) }
  },
  /** Files may not grow, until they may. */
  async 'write-fails'() {
    for (let count = 0; count < 10; count++) {
      const row = finalRow()
      await journal.open(openedRow(row.id))
      await journal.row(row)
    }
    const during = journal.standing()
    execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:'])
    while (journal.standing().rowsAtRisk > 0) await sleep(10)
    return { during, after: journal.standing() }
  },
}

const said = await says[what]?.()
await journal.close()
process.stdout.write(JSON.stringify({ ...said, delivered: sink.rows.length }))
