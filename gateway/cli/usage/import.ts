import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { defineCommand } from 'citty'
import { z } from 'zod'
import type { Configuration } from '../../config.ts'
import { ingestEndpoint } from '../../domain/usage-record.ts'
import { askControl, ControlProblem } from '../control.ts'
import { jsonOption } from '../options.ts'
import { CommandFailure, exits, note, plain, print, printJson } from '../output.ts'
import { readConfiguration } from '../read-configuration.ts'

/** Records of one request: all of it is taken or none. */
const batchRecords = 500
/** A request of this size has room for one more line of the longest. */
const batchBytes = 4 * 1024 * 1024
const lineBytesMax = 1024 * 1024
const toldMax = 20
const patienceMs = 60_000

/** `tollgate usage import` */
export const importUsage = defineCommand({
  meta: {
    description: 'Takes usage that was had elsewhere into the ledger, a JSON document a line; twice is once',
    examples: ['tollgate usage import usage.jsonl --dry-run', 'zcat usage.jsonl.gz | tollgate usage import -'],
  },
  args: {
    file: { type: 'positional', required: true, valueHint: 'file.jsonl', description: 'The file; - is stdin' },
    'dry-run': { type: 'boolean', description: 'Only say what is wrong with it' },
    json: jsonOption,
  },
  run: async ({ args }) => {
    const configuration = readConfiguration()
    const dryRun = args['dry-run'] === true
    const importing = new Importing(configuration, dryRun)
    for await (const batch of batchesOf(args.file)) {
      await importing.send(batch)
      // What comes after a mistake may rest on it; another run takes what is in already once more, and it is once.
      if (!dryRun && importing.wrong.length > 0) break
    }
    const { taken, wrong } = importing
    if (wrong.length > 0) throw wrongLines(wrong, taken, dryRun)
    if (args.json) printJson({ records: taken, dry_run: dryRun })
    else print(dryRun ? `${recordsOf(taken)} in order; nothing was written.` : `${recordsOf(taken)} taken.`)
  },
})

interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
}

interface WrongLine {
  readonly number: number
  readonly detail: string
}

class Importing {
  readonly #configuration: Configuration
  readonly #dryRun: boolean
  readonly wrong: WrongLine[] = []
  taken = 0

  constructor(configuration: Configuration, dryRun: boolean) {
    this.#configuration = configuration
    this.#dryRun = dryRun
  }

  async send(lines: readonly Line[]): Promise<void> {
    const records = lines.flatMap((line) => this.#parsed(line))
    const bad = lines.length - records.length
    // Of a batch with a line that is no record at all the others are looked at, and none is taken.
    await this.#ask(records, this.#dryRun || bad > 0)
    if (process.stderr.isTTY) note(`${recordsOf(this.taken)} so far`)
  }

  #parsed({ number, text }: Line): readonly Parsed[] {
    try {
      const value: unknown = JSON.parse(text)
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return [{ number, value }]
      this.wrong.push({ number, detail: 'is no JSON object' })
    } catch {
      this.wrong.push({ number, detail: 'is not JSON' })
    }
    return []
  }

  async #ask(records: readonly Parsed[], dryRun: boolean): Promise<void> {
    if (records.length === 0) return
    try {
      const path = dryRun ? `${ingestEndpoint}?dry_run=true` : ingestEndpoint
      const body = { records: records.map(({ value }) => value) }
      const answer = z.object({ count: z.number() })
      const told = await askControl(this.#configuration, { method: 'POST', path, body, answer, patienceMs })
      if (told === undefined) throw noGateway()
      if (dryRun === this.#dryRun) this.taken += told.count
    } catch (error) {
      if (!(error instanceof ControlProblem) || error.errors.length === 0) throw error
      for (const { pointer, detail } of error.errors) this.wrong.push(placed(pointer, detail, records))
    }
  }
}

interface Parsed {
  readonly number: number
  readonly value: object
}

/** `/records/3/key` of what was sent is `key` of the line that it came from. */
function placed(pointer: string, detail: string, records: readonly Parsed[]): WrongLine {
  const [, index = '', member = ''] = /^\/records\/(\d+)\/?(.*)$/.exec(pointer) ?? []
  const { number = 0 } = records[Number(index)] ?? {}
  return { number, detail: `${member} ${detail}`.trim() }
}

function noGateway(): CommandFailure {
  return new CommandFailure(exits.unreachable, 'no gateway runs on this data directory', {
    fix: 'start it, or say where it is by TOLLGATE_DATA_DIR: rows go through its journal',
  })
}

function wrongLines(wrong: readonly WrongLine[], taken: number, dryRun: boolean): CommandFailure {
  const inOrder = wrong.toSorted((a, b) => a.number - b.number)
  const lines = inOrder.slice(0, toldMax).map(({ number, detail }) => `line ${number}: ${plain(detail)}`)
  if (wrong.length > toldMax) lines.push(`and ${wrong.length - toldMax} more`)
  const so = dryRun ? 'nothing was written' : `${recordsOf(taken)} taken`
  return new CommandFailure(exits.failure, `there are lines that cannot be taken; ${so}`, {
    why: lines.join('\n  '),
    fix: 'correct them and send the whole file again: what is in already is not counted twice',
  })
}

function recordsOf(count: number): string {
  return count === 1 ? '1 record' : `${count} records`
}

/** The lines of the file that are not empty, as many at a time as a request takes. */
async function* batchesOf(file: string): AsyncGenerator<readonly Line[]> {
  const input = file === '-' ? process.stdin : createReadStream(file)
  let batch: Line[] = []
  let bytes = 0
  let number = 0
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++
      if (text.trim() === '') continue
      const size = Buffer.byteLength(text)
      if (size > lineBytesMax)
        throw new CommandFailure(exits.failure, `line ${number} has more than ${lineBytesMax} bytes`)
      batch.push({ number, text })
      bytes += size
      if (batch.length < batchRecords && bytes < batchBytes) continue
      yield batch
      batch = []
      bytes = 0
    }
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    throw new CommandFailure(exits.notFound, `${file} cannot be read`, { why: error.message, cause: error })
  }
  if (batch.length > 0) yield batch
}
