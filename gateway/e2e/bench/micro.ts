/** Single parts of the path, each alone in a loop: what a call pays for them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../domain/clock.ts'
import { costOf } from '../../domain/cost.ts'
import { uuidV7 } from '../../domain/id.ts'
import { limitOf } from '../../domain/limit.ts'
import type { NanoUsd } from '../../domain/money.ts'
import type { JournalSettings } from '../../domain/settings.ts'
import { openJournal } from '../../journal/open-journal.ts'
import { finalRow, openedRow } from '../../journal/sample-row.fixture.ts'
import { MemoryLimitStore } from '../../limits/memory/memory-limit-store.ts'
import { openPriceBook } from '../../prices/open-price-book.ts'
import { readPricing } from '../../prices/read-pricing.ts'
import { type Spread, spread } from './figures.ts'

/** A part of the path: `once` is what is measured, `close` gives back what it took. */
interface Part {
  readonly title: string
  readonly aim: string
  readonly once: () => unknown
  readonly close?: () => Promise<void>
}

export interface PartFigure {
  readonly title: string
  readonly aim: string
  /** Microseconds each time, over the batches. */
  readonly us: Spread | undefined
}

const parts: readonly (() => Part | Promise<Part>)[] = [limits, price, journal, waits('process'), waits('machine')]

export async function measureParts(clock: Clock = systemClock, batchMs = 300): Promise<readonly PartFigure[]> {
  const figures: PartFigure[] = []
  for (const make of parts) {
    const { title, aim, once, close } = await make()
    try {
      figures.push({ title, aim, us: await time(once, clock, batchMs) })
    } finally {
      await close?.()
    }
  }
  return figures
}

const batches = 7

/** The first batch warms up and is left out. */
async function time(once: () => unknown, clock: Clock, batchMs: number): Promise<Spread | undefined> {
  const us: number[] = []
  for (let batch = 0; batch <= batches; batch++) {
    const startedMs = clock.elapsed()
    let times = 0
    while (clock.elapsed() - startedMs < batchMs) {
      for (let i = 0; i < 100; i++) {
        const done = once()
        if (done instanceof Promise) await done
      }
      times += 100
      // What is put off to a later turn of the loop (deliveries, sweeps) gets its turn, and counts.
      await new Promise((resolve) => setImmediate(resolve))
    }
    us.push(((clock.elapsed() - startedMs) * 1000) / times)
  }
  return spread(us.slice(1))
}

function limits(): Part {
  const store = new MemoryLimitStore()
  const scopes = ['key', 'user', 'feature', 'connection'] as const
  const holds = scopes.flatMap((scope) => [
    { limit: limitOf(scope, 'bench', 'requests', 1e9), amount: 1 },
    { limit: limitOf(scope, 'bench', 'tokens', 1e12), amount: 1500 },
  ])
  const spent = holds.map(({ amount }) => Math.min(amount, 900))
  const once = async (): Promise<void> => {
    const at = systemClock.now()
    const reservation = await store.reserve(uuidV7(at), holds, at)
    if (!reservation.granted) throw new Error('a limit of the bench was reached')
    await store.settle(reservation, spent)
  }
  return { title: 'reserve and settle under 8 limits, in process', aim: '≤ 5', once }
}

function price(): Part {
  const pricing = readPricing(new URL('../../../pricing/', import.meta.url))
  const book = openPriceBook(pricing, { defaultPerMtok: 3_000_000_000 as NanoUsd })
  const usage = { input: 210, cache_read: 1024, output: 321, reasoning: 0 }
  const once = () =>
    costOf(usage, book.quote({ provider: 'openai', model: 'gpt-4o-mini', at: systemClock.now() }).rates(1234))
  return { title: 'quote a price and compute a cost', aim: '', once }
}

async function journal(): Promise<Part> {
  const { open, close } = await openBenchJournal('process')
  const once = (): void => {
    const id = uuidV7(systemClock.now())
    // Not waited for: as under load, the records of one turn are written together.
    void open.open(openedRow(id))
    void open.row(finalRow(id))
  }
  return { title: 'journal an attempt: its opening, its row, their delivery', aim: '', once, close }
}

/** What 64 answers that end at once wait for their rows. */
function waits(durability: JournalSettings['durability']): () => Promise<Part> {
  return async () => {
    const { open, close } = await openBenchJournal(durability)
    const once = () => Promise.all(Array.from({ length: 64 }, () => open.row(finalRow(uuidV7(systemClock.now())))))
    return { title: `wait for 64 rows together, durability: ${durability}`, aim: '', once, close }
  }
}

async function openBenchJournal(durability: JournalSettings['durability']) {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-micro-'))
  // Rows are taken at once: what the database costs is the other benches' concern.
  const sinks = { none: { write: async () => {} } }
  const policy: JournalSettings = { durability, onLoss: 'refuse' }
  const open = await openJournal({ dir, clock: systemClock, sinks, policy: () => policy })
  const close = async (): Promise<void> => {
    await open.close()
    rmSync(dir, { recursive: true, force: true })
  }
  return { open, close }
}
