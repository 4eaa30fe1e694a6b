import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { costOf } from '../domain/cost.ts'
import { nanoUsd, usdFromNano } from '../domain/money.ts'
import type { Usage } from '../domain/usage.ts'
import { openPriceBook } from './open-price-book.ts'
import { readPricing } from './read-pricing.ts'

const book = openPriceBook(readPricing(new URL('../../pricing/', import.meta.url)), {
  defaultPerMtok: nanoUsd(3_000_000_000),
})
const noon = Date.parse('2026-11-22T12:00:00Z')

function dollars(provider: string, model: string, usage: Usage, at = noon, tier?: string): string {
  const { input = 0, cache_read = 0, cache_write_5m = 0, cache_write_1h = 0, input_audio = 0 } = usage
  const inclusive = input + cache_read + cache_write_5m + cache_write_1h + input_audio
  const { cost, missing } = costOf(usage, book.quote({ provider, model, tier, at }).rates(inclusive))
  return missing.length > 0 ? `missing ${missing}` : usdFromNano(cost)
}

describe('the built-in prices', () => {
  test.for([
    ['openai', 'gpt-4o', '0.0025', '0.01'],
    ['openai', 'gpt-4o-mini', '0.00015', '0.0006'],
    ['openai', 'gpt-4-turbo', '0.01', '0.03'],
    ['openai', 'gpt-4', '0.03', '0.06'],
    ['openai', 'gpt-3.5-turbo', '0.0005', '0.0015'],
    ['anthropic', 'claude-3.5-sonnet', '0.003', '0.015'],
    ['anthropic', 'claude-3-opus', '0.015', '0.075'],
    ['anthropic', 'claude-3-haiku', '0.00025', '0.00125'],
    ['perplexity', 'sonar-small', '0.0002', '0.0002'],
    ['perplexity', 'sonar-large', '0.001', '0.001'],
    ['perplexity', 'sonar-huge', '0.005', '0.005'],
    ['perplexity', 'llama-3.1-sonar-huge-128k-online', '0.005', '0.005'],
    ['gemini', 'gemini-1.5-pro', '0.00125', '0.005'],
    ['gemini', 'gemini-1.5-flash', '0.000075', '0.0003'],
    ['sandbox', 'sandbox/echo', '0.0005', '0.0015'],
    ['sandbox', 'sandbox/flaky-30', '0.0005', '0.0015'],
    ['sandbox', 'sandbox/reasoning', '0.001', '0.004'],
  ] as const)('of %s say that a thousand tokens of %s cost %s in and %s out', ([provider, model, input, output]) => {
    expect(dollars(provider, model, { input: 1000 })).toBe(input)
    expect(dollars(provider, model, { output: 1000 })).toBe(output)
    expect(['exact', 'alias']).toContain(book.quote({ provider, model, at: noon }).status)
  })

  test.for([
    ['openai', 'gpt-4o-mini-2024-07-18', 'openai/gpt-4o-mini'],
    ['openai', 'openai/gpt-4o', 'openai/gpt-4o'],
    ['openai', 'GPT-4o', 'openai/gpt-4o'],
    ['openai', 'gpt-4.1-2025-04-14', 'openai/gpt-4.1'],
    ['openai', 'gpt-5.1-2027-01-31', 'openai/gpt-5.1'],
    ['openai', 'ft:gpt-4o-mini-2024-07-18:acme::abc', 'openai/ft:gpt-4o-mini'],
    ['anthropic', 'claude-3-5-haiku-20241022', 'anthropic/claude-3-5-haiku-latest'],
    ['anthropic', 'claude-sonnet-4-5-20250929', 'anthropic/claude-sonnet-4-5'],
    ['gemini', 'models/gemini-2.5-pro', 'google/gemini-2.5-pro'],
    ['gemini', 'gemini-1.5-flash-002', 'google/gemini-1.5-flash'],
    ['gemini', 'gemini-1.5-flash-8b-001', 'google/gemini-flash-1.5-8b'],
    ['vertex', 'publishers/google/models/gemini-2.5-flash', 'google/gemini-2.5-flash'],
    ['vertex', 'claude-3-5-sonnet@20240620', 'google/claude-3-5-sonnet'],
    ['vertex', 'gemini-2.5-flash@001', 'google/gemini-2.5-flash'],
    ['bedrock', 'us.anthropic.claude-3-5-haiku-20241022-v1:0', 'aws/regional.anthropic.claude-3-5-haiku-20241022-v1:0'],
    ['bedrock', 'anthropic.claude-3-haiku-20240307-v1:0', 'aws/regional.anthropic.claude-3-haiku-20240307-v1:0'],
    [
      'bedrock',
      'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
      'aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0',
    ],
    ['bedrock', 'eu.meta.llama3-1-8b-instruct-v1:0', 'aws/meta.llama3-1-8b-instruct-v1:0'],
    ['bedrock', 'cohere.command-r-plus-v1:0', 'cohere/command-r-plus'],
    ['azure', 'gpt-4o-2024-08-06', 'openai/gpt-4o'],
    ['azure', 'gpt-35-turbo', 'openai/gpt-3.5-turbo'],
    ['azure', 'o3-mini', 'azure/o3-mini'],
    ['openrouter', 'anthropic/claude-sonnet-4.5', 'openrouter/anthropic/claude-sonnet-4.5'],
    ['openrouter', 'anthropic/claude-4.5-haiku-20251001', 'openrouter/anthropic/claude-haiku-4.5'],
    ['compatible', 'anthropic/claude-3-5-sonnet-20240620', 'anthropic/claude-3-5-sonnet'],
    ['compatible', 'gemini-2.0-flash', 'google/gemini-2.0-flash'],
    ['compatible', 'text-embedding-3-small', 'openai/text-embedding-3-small'],
    ['compatible', 'deepseek-chat', 'deepseek/deepseek-chat'],
    ['compatible', 'mistralai/mistral-small-latest', 'mistral/mistral-small-latest'],
    ['groq', 'openai/gpt-oss-120b', 'groq/openai/gpt-oss-120b'],
    ['xai', 'grok-4.3', 'x-ai/grok-4.3'],
  ] as const)('of %s take %s for %s', ([provider, model, meant]) => {
    expect(book.quote({ provider, model, at: noon }).versionId?.split('@2')[0]).toBe(meant)
  })

  test.for([
    ['openai', 'gpt-4o-mini'],
    ['anthropic', 'claude-3-haiku'],
    ['perplexity', 'llama-3.1-sonar-small-128k-online'],
    ['gemini', 'gemini-1.5-flash'],
  ] as const)('of %s price a call without a model as %s, flagged', ([provider, model]) => {
    const quote = book.quote({ provider, model: '', at: noon })
    expect(quote.status).toBe('default')
    expect(quote.rates(1)).toEqual(book.quote({ provider, model, at: noon }).rates(1))
  })

  test('price an unknown model at the default, 3.00 a million tokens', () => {
    expect(book.quote({ provider: 'openai', model: 'gpt-99-quantum', at: noon }).status).toBe('default')
    expect(dollars('openai', 'gpt-99-quantum', { input: 600_000, output: 400_000 })).toBe('3')
  })

  test('take free models for free, and models without a price for unpriced', () => {
    expect(book.quote({ provider: 'openrouter', model: 'qwen/qwen3-coder:free', at: noon }).status).toBe('free')
    expect(book.quote({ provider: 'openai', model: 'omni-moderation-latest', at: noon }).status).toBe('free')
    expect(book.quote({ provider: 'cerebras', model: 'qwen-3-coder-480b', at: noon }).status).toBe('missing')
    expect(dollars('mistral', 'mistral-ocr-latest', { input: 5 })).toBe('missing input')
  })

  test('charge what is not tokens: a request, a search, a second, a character', () => {
    expect(dollars('perplexity', 'sonar', { input: 1000, output: 1000, requests: 1 })).toBe('0.014')
    expect(dollars('anthropic', 'claude-sonnet-4-5', { searches: 3 })).toBe('0.03')
    expect(dollars('openai', 'whisper-1', { seconds: 61.5 })).toBe('0.00615')
    expect(dollars('openai', 'tts-1', { characters: 2000 })).toBe('0.03')
    expect(dollars('openai', 'gpt-4o', { images: 1 })).toBe('missing images')
  })

  test('take an hour of audio for an hour, though a third of it is no decimal', () => {
    expect(dollars('groq', 'whisper-large-v3', { seconds: 3600 })).toBe('0.111')
  })

  test('keep the price of the day: o3 before and after it was cut', () => {
    const usage = { input: 1_000_000, output: 1_000_000 }
    expect(dollars('openai', 'o3', usage, Date.parse('2025-06-09T23:59:59Z'))).toBe('50')
    expect(dollars('openai', 'o3', usage, Date.parse('2025-06-10T00:00:00Z'))).toBe('10')
  })

  test('know half price in a batch and more for priority', () => {
    const usage = { input: 10_000, output: 2_000 }
    expect(dollars('openai', 'gpt-4o', usage, noon, 'batch')).toBe('0.0225')
    expect(dollars('openai', 'gpt-4o', usage, noon, 'default')).toBe('0.045')
    expect(dollars('openai', 'gpt-4o', usage, noon, 'priority')).toBe('0.0765')
    expect(dollars('anthropic', 'claude-sonnet-4-5', { input: 300_000 }, noon, 'batch')).toBe('0.9')
  })

  test.for([
    ['openai', 'gpt-4o-2024-05-13', 128_000, 4096],
    ['openai', 'gpt-4o-2024-11-20', 128_000, 16_384],
    ['anthropic', 'claude-sonnet-4-5-20250929', 200_000, 64_000],
    ['gemini', 'gemini-2.5-pro', 1_048_576, 65_536],
    ['bedrock', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', 200_000, 64_000],
    ['azure', 'o3-mini', 200_000, 100_000],
    ['sandbox', 'sandbox/echo', 128_000, 4096],
  ] as const)('of %s know the limits of %s', ([provider, model, contextWindow, outputTokensMax]) => {
    expect(book.bounds(provider, model)).toEqual({ contextWindow, outputTokensMax })
  })
})

const recordings = process.env['TOLLGATE_RECORDINGS']

interface CostCase {
  readonly id: string
  readonly provider: string
  readonly model: string
  readonly usage: { readonly service_tier?: string; readonly input_tokens: number; readonly output_tokens: number }
  readonly billed_components: Readonly<Record<string, number>>
  readonly cost_usd: string
  readonly superseded?: unknown
}

const partOf: Readonly<Record<string, string>> = {
  cache_write: 'cache_write_5m',
  audio_in: 'input_audio',
  audio_out: 'output_audio',
  batch_input: 'input',
  batch_output: 'output',
}

interface StatedCase extends Omit<CostCase, 'usage'> {
  readonly usage: {
    readonly input_tokens: number
    readonly output_tokens: number
    readonly cached_input_tokens?: number
    readonly cache_write_tokens?: number
  }
  readonly provider_stated_cost_usd: number
}

describe.skipIf(!recordings)('the built-in prices against the cost cases', () => {
  const text = recordings ? readFileSync(join(recordings, '..', 'cost-cases.json'), 'utf8') : ''
  const file = (text ? JSON.parse(text) : { cases: [], provider_stated_cases: [] }) as {
    readonly cases: readonly CostCase[]
    readonly provider_stated_cases: readonly StatedCase[]
  }
  // The day of the sources that the cases agree on. Prices that changed since are history by now, and still have to hold.
  const day = Date.parse('2026-07-24T12:00:00Z')

  test.for(file.cases)('$id costs $cost_usd', ({ provider, model, usage, billed_components: billed, cost_usd }) => {
    const parts = Object.fromEntries(Object.entries(billed).map(([name, units]) => [partOf[name] ?? name, units]))
    expect(dollars(provider, model, parts, day, usage.service_tier)).toBe(cost_usd)
  })

  test('include one whose price changed since, and know its new price', () => {
    expect(file.cases.filter((each) => each.superseded).map((each) => each.model)).toEqual(['deepseek-v4-pro'])
    const rates = book
      .quote({ provider: 'deepseek', model: 'deepseek-v4-pro', at: Date.parse('2026-11-22T02:00:00Z') })
      .rates(1)
    expect(rates).toMatchObject({ input: 1_320_000_000, cache_read: 44_000_000, output: 3_960_000_000 })
  })

  test.for(file.provider_stated_cases)(
    '$id is what the provider said it cost',
    ({ provider, model, usage, ...stated }) => {
      const { input_tokens, output_tokens, cached_input_tokens: cached = 0, cache_write_tokens: written = 0 } = usage
      const input = input_tokens - cached - written
      const parts = { input, cache_read: cached, cache_write_5m: written, output: output_tokens }
      expect(Number(dollars(provider, model, parts, day))).toBeCloseTo(stated.provider_stated_cost_usd, 9)
    },
  )
})
