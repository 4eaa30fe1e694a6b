import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parts, totals } from '../domain/usage.ts'
import { readUsage } from './openai-usage.ts'

const read = (raw: unknown) => {
  const stated = readUsage(raw)
  if (!stated) throw new Error('nothing was stated')
  return stated
}

describe('usage as the OpenAI family states it', () => {
  test('is split so that every token is in one part', () => {
    const raw = {
      prompt_tokens: 100,
      completion_tokens: 50,
      total_tokens: 150,
      prompt_tokens_details: { cached_tokens: 40, audio_tokens: 10, cache_write_tokens: 20 },
      completion_tokens_details: { reasoning_tokens: 30, audio_tokens: 5 },
    }
    expect(read(raw)).toEqual({
      usage: {
        input: 30,
        cache_read: 40,
        cache_write_5m: 20,
        input_audio: 10,
        output: 15,
        reasoning: 30,
        output_audio: 5,
      },
      invalid: false,
      cost: undefined,
    })
  })

  test.each([
    [
      'reasoning beside the completion',
      {
        prompt_tokens: 12,
        completion_tokens: 1,
        total_tokens: 303,
        completion_tokens_details: { reasoning_tokens: 290 },
      },
      { input: 12, output: 1, reasoning: 290 },
    ],
    [
      'thinking in the total only',
      { prompt_tokens: 35, completion_tokens: 12, total_tokens: 109 },
      { input: 35, output: 12, reasoning: 62 },
    ],
    [
      'audio beside the prompt',
      { prompt_tokens: 9, completion_tokens: 201, total_tokens: 585, prompt_tokens_details: { audio_tokens: 375 } },
      { input: 9, input_audio: 375, output: 201 },
    ],
    [
      'thoughts of a research beside everything, and its searches',
      {
        prompt_tokens: 33,
        completion_tokens: 7163,
        total_tokens: 7196,
        citation_tokens: 20016,
        num_search_queries: 18,
        reasoning_tokens: 73997,
      },
      { input: 33, output: 7163, reasoning: 73997, searches: 18 },
    ],
    [
      'details of a token',
      {
        prompt_tokens: 9,
        completion_tokens: 5,
        prompt_token_details: { cached_tokens: 4 },
        completion_token_details: { reasoning_tokens: 2 },
      },
      { input: 5, cache_read: 4, output: 3, reasoning: 2 },
    ],
    ['a total alone', { total_tokens: 12 }, { input: 12 }],
    [
      'explicit zeros, which are no gaps',
      { prompt_tokens: 5, completion_tokens: 0, total_tokens: 5 },
      { input: 5, output: 0 },
    ],
  ])('%s', (_, raw, usage) => {
    expect(read(raw)).toMatchObject({ usage, invalid: false })
  })

  test('keeps cached tokens that stand beside the prompt, and says that the numbers quarrel', () => {
    const raw = { prompt_tokens: 202, completion_tokens: 15, prompt_tokens_details: { cached_tokens: 314 } }
    expect(read(raw)).toMatchObject({ usage: { input: 202, cache_read: 314, output: 15 }, invalid: true })
  })

  test.each([
    ['a number of dollars', { cost: 0.000776 }, 776_000],
    ['an object with a total', { cost: { total_cost: 0.00502 } }, 5_020_000],
    ['ticks', { cost_in_usd_ticks: 1_466_250 }, 146_625],
    ['nothing', {}, undefined],
    ['nonsense', { cost: Number.NaN }, undefined],
    ['a negative cost', { cost: -1 }, undefined],
  ])('reads a cost stated as %s', (_, more, nano) => {
    expect(read({ prompt_tokens: 1, ...more }).cost).toBe(nano)
  })

  test('that is none states nothing', () => {
    for (const raw of [undefined, null, 7, 'x', [], {}, { prompt_tokens: null }]) expect(readUsage(raw)).toBeUndefined()
  })

  test('that lies is clamped and flagged, and never spoils a counter', () => {
    for (const lie of [-5, 1.5, 2 ** 60, Number.NaN, Number.POSITIVE_INFINITY, '12', true, {}]) {
      const stated = readUsage({ prompt_tokens: lie, completion_tokens: 3, total_tokens: 4 })
      expect(stated?.invalid, String(lie)).toBe(true)
    }
    const number = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.string(),
      fc.constant(null),
      fc.constant(undefined),
      fc.nat(1000),
    )
    const details = fc.record({
      cached_tokens: number,
      audio_tokens: number,
      reasoning_tokens: number,
      cache_write_tokens: number,
      image_tokens: number,
    })
    const raw = fc.record({
      prompt_tokens: number,
      completion_tokens: number,
      total_tokens: number,
      prompt_tokens_details: details,
      completion_tokens_details: details,
      num_search_queries: number,
    })
    fc.assert(
      fc.property(raw, (value) => {
        const stated = readUsage(value)
        if (!stated) return
        for (const part of parts) {
          const amount = stated.usage[part]
          if (amount !== undefined) expect(Number.isSafeInteger(amount) && amount >= 0).toBe(true)
        }
        const { input, cached, output, reasoning } = totals(stated.usage)
        expect(cached ?? 0).toBeLessThanOrEqual(input ?? 0)
        expect(reasoning ?? 0).toBeLessThanOrEqual(output ?? 0)
      }),
      { numRuns: 5000 },
    )
  })
})
