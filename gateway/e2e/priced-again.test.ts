import { afterAll, beforeAll, expect, test } from 'vitest'
import { nanoUsd } from '../domain/money.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { reprice } from '../pipeline/reprice.ts'
import { openPriceBook } from '../prices/open-price-book.ts'
import { readPricing } from '../prices/read-pricing.ts'
import { testDatabase } from './database.ts'
import { localConnection, secret, startGateway, type TestGateway } from './gateway.ts'
import { type Answer, completion, event, sendJson, startUpstream, type Upstream } from './upstream.ts'

// A correction of prices that did not change must not change a row: both ways to a price are one, and here is the proof,
// on rows of calls that went every way there is. Models that nobody knows are at the default price.

const begin = (response: Parameters<Answer>[1], text: string) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(text)
}
const answers: Readonly<Record<string, Answer>> = {
  whole: (_, response) => sendJson(response, 200, completion('Hi')),
  // What served it is no model that anybody knows either.
  odd: (_, response) => sendJson(response, 200, completion('Hi').replace('gpt-4o-mini', 'what-served-it')),
  cached: (_, response) => {
    const details = { prompt_tokens_details: { cached_tokens: 40 }, completion_tokens_details: { reasoning_tokens: 3 } }
    sendJson(
      response,
      200,
      completion('Hi', { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107, ...details }),
    )
  },
  stated: (_, response) =>
    sendJson(response, 200, completion('Hi', { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, cost: 0.5 })),
  silent: (_, response) => sendJson(response, 200, completion('Hi', undefined)),
  broken: (_, response) => {
    begin(response, event({ content: 'Hi' }))
    setTimeout(() => response.destroy(), 50)
  },
  reset: (_, response) => void response.destroy(),
  refused: (_, response) => sendJson(response, 400, '{"error":{"message":"no","code":"no"}}'),
}
const models = {
  known: { provider: 'openai', model: 'gpt-4o-mini' },
  unknown: { provider: 'compatible', model: 'nobody-knows-it' },
}
const cases = Object.entries(models).flatMap(([word, sold]) =>
  Object.keys(answers).map((name) => ({ name: `${word}-${name}`, answer: name, ...sold })),
)

const database = testDatabase()
let upstream: Upstream
let gateway: TestGateway
let rows: readonly UsageRow[]

beforeAll(async () => {
  upstream = await startUpstream((seen, response) => answers[seen.path.split('/')[1] ?? '']?.(seen, response))
  const at = (answer: string) => upstream.url.replace(/\/v1$/, `/${answer}/v1`)
  gateway = await startGateway(database(), {
    connections: cases.map(({ name, answer, provider, model }) =>
      localConnection(name, at(answer), { provider, models: [{ [name]: model }] }),
    ),
  })
  const called = cases.map(async ({ name }) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ model: name, stream: name.endsWith('broken'), messages: [{ role: 'user', content: 'Hello there' }] },
      }),
    })
    await response.text()
    return gateway.rowsOf(response)
  })
  rows = (await Promise.all(called)).flat()
}, 60_000)
afterAll(async () => {
  await gateway?.close()
  await upstream?.close()
})

test('every row is what it is when it is priced again at prices that did not change', () => {
  const book = openPriceBook(readPricing(new URL('../../pricing/', import.meta.url)), {
    defaultPerMtok: nanoUsd(3_000_000_000),
  })
  const policy = { chargeBy: 'provider', chargeOnUpstreamError: 'reported' } as const
  const known = rows.map(withoutNothing)
  expect(known.map((row) => reprice(row, book, policy))).toEqual(known)

  const priced = known.filter(({ parts }) => parts !== undefined)
  const flagged = priced.map(({ flags = [] }) => [...flags].sort().join())
  expect(new Set(flagged)).toEqual(new Set(['', 'default_price', 'default_price,maybe_billed', 'maybe_billed']))
  expect(new Set(priced.map(({ price_status: status }) => status))).toEqual(new Set(['alias', 'default', 'exact']))
  expect(new Set(priced.map(({ usage_source }) => usage_source)).size).toBeGreaterThan(1)
  expect(priced.length).toBeGreaterThanOrEqual(cases.length - 2)
})

/** As it was written: what is NULL was absent, and so was a list of nothing. */
function withoutNothing(row: UsageRow): UsageRow {
  const said = Object.entries(row).filter(
    ([name, value]) => value !== null && !(name === 'flags' && value.length === 0),
  )
  return Object.fromEntries(said) as UsageRow
}
