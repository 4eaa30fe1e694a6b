import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { rowAt } from '../domain/usage-row.fixture.ts'
import { rowText, type UsageRow } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { UsageLedger } from '../ledger/usage.ts'
import { externalDatabase, makePlace, type Place, type Said } from './command-line.fixture.ts'

const database = testDatabase()
const now = systemClock.now()
const hourMs = 3_600_000
/** A dozen commands each, and each reads all prices. */
const slow = { timeout: 90_000 }
let place: Place

const connections = [
  { id: 'main', provider: 'openai', api_key: 'a-key-of-openai' },
  { id: 'other', provider: 'openrouter', api_key: 'a-key-of-openrouter' },
]

beforeAll(async () => {
  place = makePlace({ connections }, externalDatabase(database().address))
  const used = (over: Partial<UsageRow>) =>
    rowAt(now - hourMs, {
      ...{ connection_id: 'main', provider: 'openai', usage_source: 'provider' },
      ...{ input_tokens: 1_000, output_tokens: 500, parts: { input: 1_000, output: 500 }, ...over },
    })
  const stated = { connection_id: 'other', provider: 'openrouter', price_status: 'exact' } as const
  const ledger = new UsageLedger(database().database, systemClock)
  const rows = [
    used({ model: 'house-1', price_status: 'default', cost_nano_usd: 4_500_000, charge_nano_usd: 4_500_000 }),
    used({ model: 'house-2', price_status: 'missing', org_id: 'b' }),
    used({ model: 'gpt-4o-mini', price_status: 'exact', cost_nano_usd: 450_000, charge_nano_usd: 450_000 }),
    used({ model: 'm', ...stated, cost_nano_usd: 1_000, charge_nano_usd: 1_300, provider_cost_nano_usd: 1_300 }),
    used({ model: 'n', ...stated, cost_nano_usd: 1_000, charge_nano_usd: 900, provider_cost_nano_usd: 900 }),
    used({ model: 'n', ...stated, price_status: 'missing', charge_nano_usd: 77, provider_cost_nano_usd: 77 }),
  ]
  expect(await ledger.store(rows.map(rowText))).toEqual([])
  await ledger.close()
})
afterAll(() => place?.remove())

const documentIn = ({ stdout }: Said | undefined = { code: null, stdout: '', stderr: '' }) => JSON.parse(stdout)
const cellsIn = ({ stdout }: Said | undefined = { code: null, stdout: '', stderr: '' }) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/))

test('show tells the price list, and says what it does not know', async () => {
  const said = await place.runAll([
    'prices show gpt-4o-mini --at 2026-05-01',
    'prices show gpt-4o-mini --at 2026-05-01 --json --connection main',
    'prices show gemini-2.5-pro',
    'prices show house-1',
    'prices show --connection nobody',
  ])
  const openai = expect.stringContaining('openai/gpt-4o-mini@')
  expect(cellsIn(said[0])).toEqual([
    ['MODEL', 'PROVIDER', 'STATUS', 'INPUT', 'CACHED', 'OUTPUT', 'OTHER', 'VERSION'],
    ['gpt-4o-mini', 'openai', 'exact', '$0.15', '$0.075', '$0.6', 'searches $10000', openai],
    ['gpt-4o-mini', 'openrouter', 'alias', '$0.15', '$0.075', '$0.6', 'searches $10000', openai],
  ])
  expect(documentIn(said[1])).toMatchObject({
    at: '2026-05-01T00:00:00.000Z',
    prices: [{ model: 'gpt-4o-mini', provider: 'openai', status: 'exact', usd_per_million: { input: '0.15' } }],
  })
  expect(said[2]?.stdout).toMatch(/gemini-2.5-pro .*long prompts: input \$2.5/)
  expect(said[3]).toMatchObject({
    code: 3,
    stdout: '',
    stderr: expect.stringContaining('no price is known for "house-1"'),
  })
  expect(said[4]).toMatchObject({ code: 3, stderr: expect.stringContaining('there is no connection "nobody"') })
})

test('show --unpriced tells which models were used without a price, and how much', async () => {
  const [text, one, json, doctor] = await place.runAll([
    'prices show --unpriced',
    'prices show --unpriced --connection other',
    'prices show --unpriced --json',
    'doctor --json',
  ])
  expect(cellsIn(text)).toEqual([
    ['MODEL', 'PROVIDER', 'CONNECTION', 'PRICE', 'ROWS', 'TOKENS', 'LAST'],
    ['house-1', 'openai', 'main', 'default', '1', '1,500', expect.stringMatching(/ago$/)],
    ['house-2', 'openai', 'main', 'missing', '1', '1,500', expect.stringMatching(/ago$/)],
    ['n', 'openrouter', 'other', 'missing', '1', '1,500', expect.stringMatching(/ago$/)],
  ])
  expect(cellsIn(one)).toHaveLength(2)
  expect(documentIn(json).unpriced[0]).toMatchObject({ model: 'house-1', status: 'default', rows: 1, tokens: 1_500 })
  expect(documentIn(doctor).checks).toContainEqual({
    name: 'prices',
    status: 'warning',
    found: 'none of their own for 3 rows of 30 days: house-1, house-2, n',
    fix: expect.stringContaining('tollgate prices set'),
  })
})

test('drift compares what providers state with our prices, for the calls that both know', async () => {
  const [text, json] = await place.runAll(['prices drift', 'prices drift --range 2d --json'])
  expect(cellsIn(text)).toEqual([
    ['CONNECTION', 'PROVIDER', 'MODEL', 'STATED', 'ROWS', 'COMPARED', 'DRIFT', 'SHARE'],
    ['other', 'openrouter', 'm', '$0.0000013', '1', '1', '+$0.0000003', '+30 %'],
    // One of its two rows has no price: by how many percent they are apart cannot be said.
    ['other', 'openrouter', 'n', '$0.000000977', '2', '1', '−$0.0000001', '—'],
  ])
  expect(documentIn(json).drift[1]).toMatchObject({
    stated_usd: '0.000000977',
    drift_usd: '-0.0000001',
    drift_share: null,
  })
})

test(
  'a price is set, shows, prices rows again, and is withdrawn; each step only says so where it is asked to',
  slow,
  async () => {
    const line = '--model house-* --connection main'
    const rates = '--input 1 --output 2 --cached 0.5 --rate searches=10000 --per-request 0.001'
    const from = new Date(now - 2 * hourMs).toISOString()
    const said = await place.runAll([
      `prices set ${line} ${rates} --from ${from} --dry-run`,
      'prices overrides',
      `prices set ${line} ${rates} --from ${from}`,
      'prices set --model house-* --org b --multiplier 2',
      'prices show house-1 --connection main',
      'prices show house-1 --connection main --json',
      'usage recalculate --unpriced --from 2026-01-01 --dry-run --json',
      'usage recalculate --unpriced --from 2026-01-01',
      'usage recalculate --unpriced --from 2026-01-01 --yes',
      'usage recalculate --unpriced --from 2026-01-01 --yes',
      'prices withdraw --model house-* --global',
      `prices withdraw ${line}`,
      'prices overrides --json',
    ])
    expect(said.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 3, 0, 0])
    const [dry, none, set, , shown, shownJson, plan, unasked, done, again, , , listed] = said
    const price = 'input $1, output $2, cache_read $0.5, searches $10000, $0.001 a call'
    expect(cellsIn(dry)[1]).toEqual(['—', 'connection main', 'any', 'house-*', from, price])
    expect(none).toMatchObject({ stdout: '', stderr: expect.stringContaining('The price list alone holds') })
    expect(cellsIn(set)[1]?.slice(1)).toEqual(cellsIn(dry)[1]?.slice(1))
    expect(set?.stderr).toContain(`tollgate usage recalculate --from ${from}`)
    const id = cellsIn(set)[1]?.[0] ?? ''
    expect(cellsIn(shown)[1]).toEqual([
      ...['house-1', 'openai', 'exact', '$1', '$0.5', '$2', 'searches $10000, $0.001 a call', id],
    ])
    expect(documentIn(shownJson).prices[0]).toMatchObject({ version: id, usd_per_million: { cache_write_5m: '1' } })

    expect(documentIn(plan)).toMatchObject({
      ...{ dry_run: true, interrupted: false, rows: 3, changed: 3 },
      before: { cost_usd: '0.0045', charge_usd: '0.004500077', unpriced_rows: 2 },
      after: { cost_usd: '0.0105', charge_usd: '0.006000077', unpriced_rows: 0 },
    })
    expect(unasked).toMatchObject({ stdout: '', stderr: expect.stringContaining('--yes') })
    expect(cellsIn(done)).toEqual([
      ['MODEL', 'PROVIDER', 'ROWS', 'CHANGED', 'COST', 'NEW COST', 'CHARGE', 'NEW CHARGE', 'UNPRICED', 'NOW'],
      ['house-1', 'openai', '1', '1', '$0.0045', '$0.003', '$0.0045', '$0.003', '0', '0'],
      ['house-2', 'openai', '1', '1', '—', '$0.003', '—', '$0.003', '1', '0'],
      // Nobody sells it, so it costs the default; what the provider stated stays what is charged.
      ['n', 'openrouter', '1', '1', '—', '$0.0045', '$0.000000077', '$0.000000077', '1', '0'],
    ])
    expect(done?.stderr).toContain('3 of 3 rows changed: cost $0.0045 → $0.0105, charge $0.004500077 → $0.006000077.')
    expect(again?.stderr).toContain('0 of 1 row changed')
    expect(documentIn(listed).overrides.map(({ kind }: { kind: string }) => kind)).toEqual([
      ...['absolute', 'multiplier', 'withdrawn'],
    ])
    const [audited] = await database().database.sql`
    SELECT count(*)::integer AS entries, count(DISTINCT actor)::integer AS actors FROM tollgate.audit_log
    WHERE actor LIKE 'cli:%'`
    expect(audited).toEqual({ entries: 5, actors: 1 })
  },
)

test('what makes no sense is refused, with what would', slow, async () => {
  const refused = {
    'prices set --model m --input 1': 'say for whom, once',
    'prices set --model m --global --org a --input 1': 'say for whom, once',
    'prices set --model m --global': 'say what it costs',
    'prices set --model m --global --input 1e3': '--input wants a decimal number up to 1000000',
    'prices set --model m --global --input 0.0000000001': 'nine decimals',
    'prices set --model m --global --per-request 101': '--per-request wants a decimal number up to 100',
    'prices set --model m --global --multiplier 0': '--multiplier is more than 0',
    'prices set --model m --global --multiplier 2 --input 1': '--multiplier stands alone',
    'prices set --model m --global --rate tokens=1': '--rate wants part=usd',
    'prices set --model m --global --input 1 --from yesterday': '--from wants a date',
    'prices drift --range month': '--range wants days',
    'prices show m --unpriced': '--unpriced takes',
    'usage recalculate --from 2026-02-01 --to 2026-01-01 --dry-run': '--from has to be a time before --to',
    'usage recalculate --dry-run': 'it wants --from',
  }
  const said = await place.runAll(Object.keys(refused))
  for (const [i, words] of Object.values(refused).entries()) {
    expect(said[i]).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(words) })
  }
  const unknown = await place.run('prices set --model m --connection nobody --input 1')
  expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('there is no connection "nobody"') })
})
