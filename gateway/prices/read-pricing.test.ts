import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { nanoUsd } from '../domain/money.ts'
import { openPriceBook } from './open-price-book.ts'
import { type PricingFile, pricingFileSchema } from './pricing-file.ts'
import { PricingError, readPricing } from './read-pricing.ts'

const builtIn = new URL('../../pricing/', import.meta.url)
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pricing-'))
  for (const part of ['catalogue', 'supplement', 'providers.json', 'catalogue.lock.json']) {
    cpSync(new URL(part, builtIn), join(folder, part), { recursive: true })
  }
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function problems(): readonly string[] {
  try {
    readPricing(folder)
  } catch (error) {
    if (error instanceof PricingError) return error.problems
    throw error
  }
  return []
}

function edit(path: string, change: (file: PricingFile) => void): void {
  const file = pricingFileSchema.parse(JSON.parse(readFileSync(join(folder, path), 'utf8')))
  change(file)
  writeFileSync(join(folder, path), JSON.stringify(file))
}

describe('readPricing', () => {
  test('reads the folder by its path as by its URL', () => {
    expect(readPricing(fileURLToPath(builtIn)).lists.size).toBe(readPricing(builtIn).lists.size)
    expect(readPricing(folder).lists.size).toBeGreaterThan(25)
  })

  test('finds every file of the catalogue and the supplement to be of the schema', () => {
    const { lists } = readPricing(builtIn)
    rmSync(join(folder, 'catalogue.lock.json'))
    expect(problems()).toEqual([])
    expect([...lists.values()].flatMap((list) => list.models).length).toBeGreaterThan(1400)
  })

  test('lays the supplement over the catalogue: limits and aliases added, prices appended', () => {
    const models = readPricing(builtIn)
      .lists.get('openai')
      ?.models.find(({ id }) => id === 'gpt-4o')
    expect(models).toMatchObject({ context_window: 128_000, max_output_tokens: 16_384 })
    expect(models?.aliases).toContain('gpt-4o-2024-08-06')
    expect(models?.prices?.map((entry) => entry.service_tier)).toEqual([undefined, 'priority'])
  })

  test('lets an entry in the supplement hold over the catalogue’s from its date on', () => {
    edit('supplement/openai.json', (file) => {
      const entry = { version: '2026-12-01', effective_from: '2026-12-01', rates: { input: '1' } }
      file.models.find(({ id }) => id === 'gpt-4.1')?.prices?.push(entry)
    })
    const book = openPriceBook(readPricing(folder), { defaultPerMtok: nanoUsd(0) })
    const input = (day: string) =>
      book.quote({ provider: 'openai', model: 'gpt-4.1', at: Date.parse(day) }).rates(1).input
    expect(['2026-11-30', '2026-12-01'].map(input)).toEqual([2_000_000_000, 1_000_000_000])
  })

  function supply(provider: string): void {
    const models = [{ id: 'house-1', prices: [{ version: '2026-11-22', rates: { input: '5' } }] }]
    const file = { provider, name: provider, source: 'our contract', models }
    writeFileSync(join(folder, `supplement/${provider}.json`), JSON.stringify(file))
  }

  test('lets a provider that has no list yet sell by the file of its own name', () => {
    supply('compatible')
    const book = openPriceBook(readPricing(folder), { defaultPerMtok: nanoUsd(0) })
    const quote = (model: string) => book.quote({ provider: 'compatible', model, at: Date.parse('2026-11-22') })
    expect(quote('house-1')).toMatchObject({ status: 'exact', versionId: 'compatible/house-1@2026-11-22' })
    expect(quote('gpt-4o').versionId).toMatch(/^openai\/gpt-4o@/)
    expect(book.models('compatible', Date.parse('2026-11-22'))).toEqual(['house-1'])
  })

  test('refuses a file that nobody would sell by', () => {
    supply('xai')
    expect(problems()).toEqual(['providers.json: xai sells by x-ai, so the price file of xai would not count'])
  })

  test('names every problem with its file and entry, all at once', () => {
    edit('supplement/sandbox.json', (file) => {
      file.models[0]?.prices?.push({ version: '2026-11-22', rates: { input: '1' } })
      file.models[1]?.prices?.push({
        version: '2026-11-23',
        rates: {},
        tiers: [
          { above_input_tokens: 5, rates: {} },
          { above_input_tokens: 5, rates: {} },
        ],
      })
      file.models.push({ id: 'sandbox/bare' }, { id: 'Sandbox/Echo' })
    })
    const google = join(folder, 'supplement/google.json')
    writeFileSync(google, readFileSync(google, 'utf8').replace('"times":"0.5"', '"times":"half"'))
    writeFileSync(join(folder, 'supplement/broken.json'), '{')
    writeFileSync(
      join(folder, 'providers.json'),
      '{"providers":[{"id":"a","catalogue":"nowhere","makers":["nobody"]}]}',
    )
    expect(problems()).toEqual([
      expect.stringMatching(/^supplement\/broken\.json: Expected property name/),
      'supplement/google.json: service_tiers › 2026-11-22.batch › times: a decimal factor',
      'supplement/sandbox.json: models › sandbox/slow › prices › 2026-11-23: its tiers do not ascend',
      'supplement/sandbox.json: models › Sandbox/Echo: is listed twice',
      'sandbox: sandbox/echo: two price entries have the same version',
      'sandbox: sandbox/bare: has no price entry, and is in no other file',
      'sandbox: Sandbox/Echo: has no price entry, and is in no other file',
      'providers.json: a: there is no price file of nowhere',
      'providers.json: a: there is no price file of nobody',
    ])
  })

  test('checks a catalogue file that is not as the sync left it', () => {
    const path = join(folder, 'catalogue/openai.json')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"input":"2.5"', '"input":"-2.5"'))
    expect(problems()).toEqual([
      expect.stringMatching(
        /^catalogue\/openai\.json: models › gpt-4o › prices › 2026-11-22 › rates › input: a decimal/,
      ),
    ])
  })

  test('says what is missing where there is no folder', () => {
    rmSync(folder, { recursive: true })
    expect(problems()).toHaveLength(3)
  })
})

test('pricing/schema.json is the schema that the files are read by', () => {
  expect(JSON.parse(readFileSync(new URL('schema.json', builtIn), 'utf8'))).toEqual(z.toJSONSchema(pricingFileSchema))
})
