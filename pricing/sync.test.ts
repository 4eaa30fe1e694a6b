import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type ConditionalPrice, calcPrice, type ModelPrice, type Provider, waitForUpdate } from '@pydantic/genai-prices'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { costOf } from '../gateway/domain/cost.ts'
import { nanoUsd } from '../gateway/domain/money.ts'
import { openPriceBook } from '../gateway/prices/open-price-book.ts'
import { lockFileSchema } from '../gateway/prices/pricing-file.ts'
import { readPricing } from '../gateway/prices/read-pricing.ts'
import { RefusedSync, sync } from './sync.ts'

let folder: string
let root: URL

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sync-'))
  root = pathToFileURL(`${folder}/`)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function source(prices: ModelPrice | ConditionalPrice[], version = '1.0.0', more: readonly string[] = []) {
  const models = [['m', prices] as const, ...more.map((id) => [id, { input_mtok: 1 }] as const)]
  const provider: Provider = {
    id: 'maker',
    name: 'Maker',
    api_pattern: '',
    models: models.map(([id, each]) => ({ id, match: { equals: id }, prices: each })),
  }
  return { version, providers: [provider] }
}

const from = (start_date: string, prices: ModelPrice): ConditionalPrice => ({
  constraint: { type: 'start_date', start_date },
  prices,
})
const file = () => readFileSync(join(folder, 'catalogue/maker.json'), 'utf8')
const entries = () => (JSON.parse(file()) as { models: { prices: unknown[] }[] }).models[0]?.prices

function everything(): string {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return names.map((entry) => entry.name + readFileSync(join(entry.parentPath, entry.name), 'utf8')).join()
}

describe('sync', () => {
  test('changes nothing where the data is the same, not even the date', () => {
    sync(root, source({ input_mtok: 1 }), '2026-05-01')
    const before = everything()
    expect(sync(root, source({ input_mtok: 1 }), '2026-06-01')).toEqual(['nothing changed'])
    expect(everything()).toBe(before)
  })

  test('appends a changed price from the next day on, and leaves what is written as it is', () => {
    sync(root, source({ input_mtok: 1, output_mtok: 4 }), '2026-05-01')
    const before = entries()
    sync(root, source({ input_mtok: 2, output_mtok: 4 }, '1.1.0'), '2026-06-01')
    expect(entries()).toEqual([
      ...(before ?? []),
      { version: '2026-06-02', effective_from: '2026-06-02', rates: { input: '2', output: '4' } },
    ])
  })

  test('takes a changed price from the day that the source states, if that is still to come', () => {
    sync(root, source({ input_mtok: 1 }), '2026-05-01')
    sync(root, source([{ prices: { input_mtok: 1 } }, from('2026-09-01', { input_mtok: 3 })], '1.1.0'), '2026-06-01')
    expect(entries()).toEqual([
      { version: '2026-05-01', rates: { input: '1' } },
      { version: '2026-09-01', effective_from: '2026-09-01', rates: { input: '3' } },
    ])
  })

  test('never prices a day again that has passed, whatever the source says of it now', () => {
    sync(root, source({ input_mtok: 1 }), '2026-05-01')
    sync(root, source([{ prices: { input_mtok: 1 } }, from('2026-04-01', { input_mtok: 3 })], '1.1.0'), '2026-06-01')
    expect(entries()).toEqual([
      { version: '2026-05-01', rates: { input: '1' } },
      { version: '2026-06-02', effective_from: '2026-06-02', rates: { input: '3' } },
    ])
    const before = file()
    const corrected = source([{ prices: { input_mtok: 9 } }, from('2026-04-01', { input_mtok: 3 })], '1.2.0')
    expect(sync(root, corrected, '2026-07-01')).toEqual(['no price changed'])
    expect(file()).toBe(before)
  })

  test('takes an announced price back by an entry that says the old one again', () => {
    sync(root, source([{ prices: { input_mtok: 1 } }, from('2027-01-01', { input_mtok: 3 })]), '2026-05-01')
    sync(root, source({ input_mtok: 1 }, '1.1.0'), '2026-06-01')
    expect(entries()).toEqual([
      { version: '2026-05-01', rates: { input: '1' } },
      { version: '2027-01-01', effective_from: '2027-01-01', rates: { input: '3' } },
      { version: '2027-01-01.2', effective_from: '2027-01-01', rates: { input: '1' } },
    ])
  })

  test('says every later price again where one comes in before it', () => {
    sync(root, source([{ prices: { input_mtok: 1 } }, from('2027-01-01', { input_mtok: 3 })]), '2026-05-01')
    const dated = [from('2026-09-01', { input_mtok: 2 }), from('2027-01-01', { input_mtok: 3 })]
    sync(root, source([{ prices: { input_mtok: 1 } }, ...dated], '1.1.0'), '2026-06-01')
    expect(entries()?.slice(2)).toEqual([
      { version: '2026-09-01', effective_from: '2026-09-01', rates: { input: '2' } },
      { version: '2027-01-01.2', effective_from: '2027-01-01', rates: { input: '3' } },
    ])
  })

  test('brings every unit of the source to a million of ours, without a float', () => {
    const prices = {
      input_mtok: 0.0028,
      cache_write_mtok: 3.4375,
      audio_hours: 0.111,
      web_searches_kcount: 10,
      requests_kcount: 12.5,
    }
    sync(root, source(prices), '2026-05-01')
    const rates = {
      input: '0.0028',
      cache_write_5m: '3.4375',
      seconds: '30.833333333',
      searches: '10000',
      requests: '12500',
    }
    expect(entries()).toEqual([{ version: '2026-05-01', rates }])
  })

  test('keeps a model that the source lists no longer', () => {
    sync(root, source({ input_mtok: 1 }, '1.0.0', ['old']), '2026-05-01')
    expect(sync(root, source({ input_mtok: 1 }, '1.1.0'), '2026-06-01')).toEqual(['maker/old: no longer listed, kept'])
    expect(file()).toContain('"id":"old"')
  })

  test('refuses to go on from a file that was edited, and writes nothing', () => {
    sync(root, source({ input_mtok: 1 }), '2026-05-01')
    writeFileSync(join(folder, 'catalogue/maker.json'), file().replace('"1"', '"0.5"'))
    const before = everything()
    expect(() => sync(root, source({ input_mtok: 2 }, '1.1.0'), '2026-06-01')).toThrow(RefusedSync)
    expect(() => sync(root, source({ input_mtok: 2 }, '1.1.0'), '2026-06-01')).toThrow(
      'catalogue/maker.json was edited since the last sync, and prices are only ever appended: ' +
        'restore it from git, and put a price of your own into supplement/',
    )
    expect(everything()).toBe(before)
  })

  test('refuses a date before that of the last sync, and a catalogue with a file gone', () => {
    sync(root, source({ input_mtok: 1 }), '2026-05-01')
    expect(() => sync(root, source({ input_mtok: 2 }), '2026-04-30')).toThrow('is the clock right?')
    rmSync(join(folder, 'catalogue/maker.json'))
    expect(() => sync(root, source({ input_mtok: 1 }), '2026-05-02')).toThrow('catalogue/maker.json is gone')
  })

  test('gives each change its own line in the file', () => {
    sync(root, source({ input_mtok: 1 }, '1.0.0', ['a', 'b']), '2026-05-01')
    const before = file().split('\n')
    sync(root, source({ input_mtok: 2 }, '1.1.0', ['a', 'b']), '2026-06-01')
    expect(
      file()
        .split('\n')
        .filter((line) => !before.includes(line)),
    ).toHaveLength(2)
  })

  test('puts prices of a time of the day under the date that they follow', () => {
    const peak: ConditionalPrice = {
      constraint: { type: 'time_of_date', start_time: '01:00:00Z', end_time: '04:00:00Z' },
      prices: { input_mtok: 5 },
    }
    sync(root, source([{ prices: { input_mtok: 1 } }, from('2026-08-17', { input_mtok: 2 }), peak]), '2026-09-01')
    expect(entries()).toEqual([
      { version: '2026-09-01', rates: { input: '1' } },
      {
        version: '2026-08-17',
        effective_from: '2026-08-17',
        rates: { input: '2' },
        hours: [{ from: '01:00', to: '04:00', rates: { input: '5' } }],
      },
    ])
  })

  test('names the kinds of prices that it cannot take over', () => {
    expect(sync(root, source({ input_mtok: 1, output_video_mtok: 17 }), '2026-05-01')).toContain(
      'not taken over: output_video_mtok of 1 models',
    )
  })
})

// The whole way, package to cost, against the package's own calculator: every name it knows, several sizes, two days.
describe('the synced catalogue', async () => {
  const providers = (await waitForUpdate()) ?? []
  const book = openPriceBook(readPricing(new URL('.', import.meta.url)), { defaultPerMtok: nanoUsd(3_000_000_000) })
  const lists = readPricing(new URL('.', import.meta.url)).lists
  const kept = providers.filter(({ id }) => lists.has(id))

  test.for(kept.map((provider) => [provider.id, provider] as const))(
    'costs at %s what its source says',
    ([id, provider]) => {
      const differences: string[] = []
      let compared = 0
      for (const name of provider.models.flatMap((model) => [model.id, ...namesOf(model.match)])) {
        for (const at of [Date.parse('2026-11-23T02:30:00Z'), Date.parse('2026-11-23T20:00:00Z')]) {
          for (const input of [1000, 272_000, 500_000]) {
            const theirs = calcPrice({ input_tokens: input, output_tokens: 777 }, name, {
              providerId: id,
              timestamp: new Date(at),
            })
            const { status, rates } = book.quote({ provider: id, model: name, at })
            // Where we say that a price is missing, theirs may only be one of nothing.
            if (!theirs || (status === 'missing' && theirs.total_price === 0)) continue
            const ours = costOf(
              { input, output: 777, requests: rates(input).requests === undefined ? 0 : 1 },
              rates(input),
            )
            compared += 1
            if (Math.abs(ours.cost - theirs.total_price * 1e9) > 1)
              differences.push(`${name} at ${input}: ${ours.cost} for ${theirs.total_price}`)
          }
        }
      }
      expect(differences).toEqual([])
      expect(compared).toBeGreaterThan(0)
    },
  )
})

test('the catalogue is as the last sync left it', () => {
  const here = new URL('.', import.meta.url)
  const lock = lockFileSchema.parse(JSON.parse(readFileSync(new URL('catalogue.lock.json', here), 'utf8')))
  const hashes = readdirSync(new URL('catalogue/', here)).map((name) => {
    const text = readFileSync(new URL(`catalogue/${name}`, here), 'utf8')
    return [name, createHash('sha256').update(text).digest('hex')]
  })
  expect(Object.fromEntries(hashes)).toEqual(
    Object.fromEntries(Object.entries(lock.files).map(([name, { sha256 }]) => [name, sha256])),
  )
})

function namesOf(match: Provider['models'][number]['match']): readonly string[] {
  if ('or' in match) return match.or.flatMap(namesOf)
  return 'equals' in match ? [match.equals] : []
}
