import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Uuid } from '../domain/id.ts'
import { type RowText, rowText, type UsageRow } from '../domain/usage-row.ts'
import { type Lock, takeLock } from './lock.ts'
import { OpenAttempts } from './open-attempts.ts'
import { readChunk } from './read-segment.ts'
import type { JournalRecord } from './records.ts'

/** Returns when a sink has the rows; throws where this process ends before. */
export type Deliver = (rows: readonly RowText[]) => Promise<void>

export interface DeadJournalSettings {
  readonly dir: string
  /** Prices an orphan by the usage it is known to have had. */
  readonly reprice: (row: UsageRow) => UsageRow
  readonly batchRowsMax: number
}

/** What was found in journals of dead processes. */
export interface Found {
  readonly rows: number
  readonly orphans: number
  readonly torn: number
}

const fileName = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-(\d+)\.log|\.lock)$/

/** The processes of whose journals there is something in the folder, oldest first: their ids sort by time. */
export async function bootsIn(dir: string): Promise<readonly Uuid[]> {
  return [...new Set((await readdir(dir)).flatMap((name) => fileName.exec(name)?.[1] ?? []))].sort()
}

/** The journal of a dead process, under its lock: of many that start at once, one has it. */
export class DeadJournal {
  readonly boot: Uuid
  readonly #settings: DeadJournalSettings
  readonly #lock: Lock
  readonly #had = new Set<Deliver>()

  private constructor(boot: Uuid, settings: DeadJournalSettings, lock: Lock) {
    this.boot = boot
    this.#settings = settings
    this.#lock = lock
  }

  /** `undefined` where its owner lives, or another process has it. */
  static claim(boot: Uuid, settings: DeadJournalSettings): DeadJournal | undefined {
    const lock = takeLock(join(settings.dir, `${boot}.lock`))
    return lock && new DeadJournal(boot, settings, lock)
  }

  /** How many sinks have all of it. */
  get deliveries(): number {
    return this.#had.size
  }

  deliveredTo(sink: Deliver): boolean {
    return this.#had.has(sink)
  }

  /** Gives all of it to a sink: its rows, and an orphan for each attempt that never ended. */
  async deliverTo(sink: Deliver): Promise<Found> {
    const { dir, reprice, batchRowsMax } = this.#settings
    const open = new OpenAttempts()
    const batch: RowText[] = []
    let [rows, torn] = [0, 0]
    const take = (record: JournalRecord): void => {
      if (record.kind === 'open') open.begin(record.row)
      else if (record.kind === 'progress') open.progress(record.step)
      else if (record.kind === 'unsent') open.unsent(record.id)
      else {
        open.end(record.row.id)
        batch.push(record.row)
        rows++
      }
    }
    // Listed under the lock: before it, another process may have been at them.
    for (const segment of await this.#segments()) {
      for await (const chunk of chunks(join(dir, segment))) {
        torn += chunk.torn
        chunk.records.forEach(take)
        while (batch.length >= batchRowsMax) await sink(batch.splice(0, batchRowsMax))
      }
    }
    batch.push(...open.orphans(reprice).map(rowText))
    while (batch.length > 0) await sink(batch.splice(0, batchRowsMax))
    this.#had.add(sink)
    return { rows, orphans: open.size, torn }
  }

  /** Takes it off the disk: all of it is delivered. */
  async remove(): Promise<void> {
    try {
      for (const segment of await this.#segments()) await unlink(join(this.#settings.dir, segment))
      this.#lock.remove()
    } catch (error) {
      this.#lock.release()
      throw error
    }
  }

  /** Leaves it to whoever comes next. */
  release(): void {
    this.#lock.release()
  }

  async #segments(): Promise<readonly string[]> {
    const numbered = (await readdir(this.#settings.dir)).flatMap((name) => {
      const [, owner, number] = fileName.exec(name) ?? []
      return owner === this.boot && number !== undefined ? [{ name, number: Number(number) }] : []
    })
    return numbered.sort((a, b) => a.number - b.number).map(({ name }) => name)
  }
}

async function* chunks(path: string) {
  let start = 0
  for (;;) {
    const chunk = await readChunk(path, start)
    yield chunk
    if (chunk.last) return
    start = chunk.end
  }
}
