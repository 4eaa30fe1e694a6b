import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dayMs } from '../domain/day.ts'
import { uuidV7 } from '../domain/id.ts'
import { rowText, type UsageRow } from '../domain/usage-row.ts'
import { JsonlSink } from './jsonl-sink.ts'
import { takeLock } from './lock.ts'
import { finalRow } from './sample-row.fixture.ts'

const noon = Date.UTC(2026, 10, 22, 12)
let root: string
let folder: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sink-'))
  folder = join(root, 'usage', 'rows')
})

afterEach(() => rmSync(root, { recursive: true }))

function rowsAt(...times: readonly number[]): readonly UsageRow[] {
  return times.map((at) => finalRow(uuidV7(at)))
}

function read(name: string): readonly UsageRow[] {
  const text = readFileSync(join(folder, name), 'utf8')
  expect(text).toMatch(/\n$/)
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line))
}

function files(): readonly string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
}

test('writes each row as a line of the UTC day that its attempt began on, for its owner alone', async () => {
  const sink = new JsonlSink(folder)
  const rows = rowsAt(noon, noon + dayMs, noon + 1)
  await sink.write(rows.map(rowText))
  await sink.write(rowsAt(noon).map(rowText))
  expect(files()).toEqual(['usage-2026-11-22.jsonl', 'usage-2026-11-23.jsonl'])
  expect(read('usage-2026-11-22.jsonl').slice(0, 2)).toEqual([rows[0], rows[2]])
  expect(read('usage-2026-11-22.jsonl').length).toBe(3)
  expect(read('usage-2026-11-23.jsonl')).toEqual([rows[1]])
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  expect(statSync(join(folder, 'usage-2026-11-22.jsonl')).mode & 0o777).toBe(0o600)
})

test('cuts off what a death left of a line, wherever it was torn, before it writes the next', async () => {
  const path = join(folder, 'usage-2026-11-22.jsonl')
  const [first, second, third] = rowsAt(noon, noon, noon).map(rowText)
  if (!first || !second || !third) throw new Error('three rows')
  await new JsonlSink(folder).write([first])
  const whole = statSync(path).size
  for (let torn = 1; torn < second.json.length; torn++) {
    appendFileSync(path, second.json.slice(0, torn))
    await new JsonlSink(folder).write([third])
    const lines = readFileSync(path, 'utf8').split('\n')
    expect(lines).toEqual([first.json, third.json, ''])
    truncateSync(path, whole)
  }
})

test('cuts off a torn first line, and one longer than what is read at once', async () => {
  const [first, next] = rowsAt(noon, noon).map(rowText)
  if (!first || !next) throw new Error('two rows')
  const sink = new JsonlSink(folder)
  await sink.write([first])
  const path = join(folder, 'usage-2026-11-22.jsonl')
  appendFileSync(path, 'x'.repeat(200_000))
  await sink.write([next])
  expect(readFileSync(path, 'utf8')).toBe(`${first.json}\n${next.json}\n`)
  truncateSync(path, 100)
  await sink.write([next])
  expect(readFileSync(path, 'utf8')).toBe(`${next.json}\n`)
})

test('puts rows whose ids tell no day aside', async () => {
  const odd = ['not-a-uuid', 'ffffffff-ffff-7000-8000-000000000000'].map((id) => rowText(finalRow(id)))
  await new JsonlSink(folder).write([...odd, ...rowsAt(noon).map(rowText)])
  expect(files()).toEqual(['usage-2026-11-22.jsonl', 'usage-undated.jsonl'])
  expect(read('usage-undated.jsonl').length).toBe(2)
})

test('takes turns with others that write to its folder', async () => {
  const sinks = Array.from({ length: 4 }, () => new JsonlSink(folder))
  const rows = rowsAt(...Array.from({ length: 200 }, () => noon))
  await Promise.all(sinks.map((sink, n) => sink.write(rows.slice(n * 50, n * 50 + 50).map(rowText))))
  const ids = (all: readonly UsageRow[]) => all.map(({ id }) => id).sort()
  expect(ids(read('usage-2026-11-22.jsonl'))).toEqual(ids(rows))
})

test('says that it cannot write, and has nothing of what it could not', async () => {
  const sink = new JsonlSink(folder)
  await sink.write(rowsAt(noon).map(rowText))
  const holder = takeLock(join(folder, 'usage.lock'))
  await expect(sink.write(rowsAt(noon).map(rowText))).rejects.toThrow('another process holds')
  holder?.release()
  expect(read('usage-2026-11-22.jsonl').length).toBe(1)

  rmSync(folder, { recursive: true })
  appendFileSync(folder, 'a file in its place')
  await expect(sink.write(rowsAt(noon).map(rowText))).rejects.toMatchObject({ code: 'EEXIST' })
})
