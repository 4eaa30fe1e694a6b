import { afterAll, describe, expect, test } from 'vitest'
import { countTokens } from './count.ts'
import { WorkerTokenizer } from './worker-tokenizer.ts'

const tokenizer = new WorkerTokenizer(new URL('./worker.ts', import.meta.url))
afterAll(() => tokenizer.close())

describe('counting', () => {
  test.each([
    ['gpt-4o', 'hello world', 2],
    ['gpt-4', 'hello world', 2],
    ['openai/gpt-4o-mini', '', 0],
    ['claude-x', 'The quick brown fox jumps over the lazy dog.', 10],
    ['gpt-4o', '<|endoftext|>', 7],
  ])('%s: %j', (model, text, tokens) => {
    expect(countTokens(model, text)).toBe(tokens)
  })

  test('long texts in pieces comes to the same', () => {
    const sentence = 'The quick brown fox jumps over the lazy dog. '
    expect(countTokens('gpt-4o', sentence.repeat(500))).toBe(countTokens('gpt-4o', sentence) * 500 - 499)
  })

  test('long runs, on which a tokenizer takes quadratic time, and texts of any kind, ends', () => {
    expect(countTokens('gpt-4o', 'a'.repeat(200_000))).toBeGreaterThan(10_000)
    expect(countTokens('gpt-4o', '🐎'.repeat(5_000))).toBeGreaterThan(5_000)
    expect(countTokens('gpt-4o', '\ud800'.repeat(5_000))).toBeGreaterThan(0)
    expect(countTokens('gpt-4o', 'word '.repeat(1_000_000))).toBeGreaterThan(900_000)
  })
})

describe('the tokenizer', () => {
  test('counts in its worker, many at a time', async () => {
    const texts = { model: 'gpt-4o', prompt: ['hello', ' world'], said: 'hello world' }
    const counts = await Promise.all(Array.from({ length: 50 }, () => tokenizer.count(texts)))
    expect(counts).toEqual(Array.from({ length: 50 }, () => ({ prompt: 2, said: 2 })))
  })

  test('tells everybody when its worker is gone, and starts another', async () => {
    const broken = new WorkerTokenizer(new URL('./not-there.ts', import.meta.url))
    const texts = { model: 'gpt-4o', prompt: [], said: 'x' }
    await expect(broken.count(texts)).rejects.toThrow()
    await expect(broken.count(texts)).rejects.toThrow()
    await broken.close()
  })
})
