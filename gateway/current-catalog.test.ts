import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from './config.ts'
import { type CatalogParts, CurrentCatalog } from './current-catalog.ts'
import { systemClock } from './domain/clock.ts'
import type { CatalogRows } from './ledger/configured/catalog-ledger.ts'
import { providers } from './providers/index.ts'

const patience = { timeout: 3_000, interval: 10 }

let folder = ''
let current: CurrentCatalog | undefined
let lines: (readonly [level: string, text: string])[] = []
/** The ledger, as it is at the moment; it counts what it is asked. */
let version = 1n
let away = false
let asked = 0

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-current-'))
  lines = []
  version = 1n
  away = false
  asked = 0
})
afterEach(async () => {
  await current?.close()
  rmSync(folder, { recursive: true })
})

const path = () => join(folder, 'tollgate.yaml')
const limiting = (rpm: number) => `limits: [{ scope: global, rpm: ${rpm} }]`

function answered<T>(value: T): Promise<T> {
  asked++
  return away ? Promise.reject(new Error('away')) : Promise.resolve(value)
}

const ledger: CatalogParts['ledger'] = {
  version: () => answered(version),
  rows: () => answered<CatalogRows>({ version, keys: [], connections: [], overrides: [] }),
  close: async () => {},
}

async function open(): Promise<CurrentCatalog> {
  const line = (level: string) => (_: unknown, text?: string) => void lines.push([level, text ?? ''])
  const log = { debug() {}, info: line('info'), warn: line('warn'), error: line('error'), fatal: line('fatal') }
  const configuration = loadConfig({ env: {}, cwd: folder, providers })
  current = await CurrentCatalog.open({ configuration, ledger, masterKeys: [], clock: systemClock, log })
  return current
}

test('a database that is away leaves the catalog as it is, and is complained about once', async () => {
  writeFileSync(path(), limiting(1))
  const opened = await open()
  opened.watch(() => {})
  away = true
  const before = asked
  await expect.poll(() => asked, { timeout: 5_000 }).toBeGreaterThan(before + 3)
  expect(lines).toEqual([['warn', expect.stringContaining('cannot be asked for changes')]])
  expect(opened.standing()).toMatchObject({ version: 1, problem: undefined, failures: 0 })

  // The file's half does not need it.
  writeFileSync(path(), limiting(2))
  await expect.poll(() => opened.catalog.version, patience).toBe(2)
  expect(opened.configuration.declared.limits).toMatchObject([{ limit: { max: 2 } }])

  version = 2n
  away = false
  await expect.poll(() => opened.catalog.version, patience).toBe(3)
  expect(lines.map(([level]) => level)).toEqual(['warn', 'info', 'info', 'info'])
})

test('whoever watches is told of each snapshot when it is the one, with the one before', async () => {
  const opened = await open()
  const told: (readonly [number, number, number])[] = []
  opened.watch((next, before) => told.push([before.version, next.version, opened.catalog.version]))
  version = 2n
  await expect.poll(() => told.length, patience).toBe(1)
  writeFileSync(path(), limiting(1))
  await expect.poll(() => told.length, patience).toBe(2)
  expect(told).toEqual([
    [1, 2, 2],
    [2, 3, 3],
  ])
})

test('a bug in whoever is told does not end the watch', async () => {
  const opened = await open()
  opened.watch(() => {
    throw new Error('a bug')
  })
  for (const next of [2n, 3n]) {
    version = next
    await expect.poll(() => opened.catalog.version, patience).toBe(Number(next))
  }
  expect(lines).toContainEqual(['error', 'a change was not taken up'])
})

test('nothing is looked at before it is watched, nor after it was closed', async () => {
  const opened = await open()
  const before = asked
  await sleep(700)
  expect(asked).toBe(before)
  opened.watch(() => {})
  await expect.poll(() => asked, patience).toBeGreaterThan(before)
  await opened.close()
  const after = asked
  await sleep(700)
  expect(asked).toBe(after)
})

test('a catalog that cannot be read at the start stops it', async () => {
  away = true
  await expect(open()).rejects.toThrow('away')
})

test('what the journal was opened by stays until a restart, which is said, and the rest of the change is taken up', async () => {
  writeFileSync(path(), '{}')
  const opened = await open()
  opened.watch(() => {})
  const journal = 'journal: { durability: machine, on_loss: serve }'
  writeFileSync(path(), `settings: { ${journal}, usage_sinks: [postgres, { jsonl: rows }], track_usage: false }`)
  await expect.poll(() => opened.catalog.version, patience).toBe(2)
  expect(opened.catalog.settings).toMatchObject({
    journal: { durability: 'process', onLoss: 'serve' },
    usageFolder: undefined,
    trackUsage: false,
  })
  const said = 'changed, and not in effect before a restart: settings.journal.durability, settings.usage_sinks'
  expect(opened.standing()).toMatchObject({ problem: said, failures: 0 })
  expect(lines).toContainEqual(['warn', said])

  writeFileSync(path(), 'settings: { track_usage: true }')
  await expect.poll(() => opened.catalog.version, patience).toBe(3)
  expect(opened.standing().problem).toBeUndefined()
  expect(lines.filter(([level]) => level === 'warn')).toHaveLength(1)
})
