import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { testLines } from './test-call.ts'

const failed = {
  ok: false,
  connection: 'main',
  request_id: null,
  requested_model: 'gpt-4o-mini',
  model: null,
  endpoint: null,
  url: 'https://api.example.com/v1/chat/completions',
  http_status: 500,
  latency_ms: null,
  first_token_ms: null,
  input_tokens: null,
  output_tokens: null,
  cost_usd: null,
  error: { code: '\u001b[31mbroken', message: 'two\n  lines\u001b]0;title\u0007' },
  hint: null,
}

test('a failure is told in the words of the provider, and nothing in them is obeyed by a terminal', () => {
  expect(stripVTControlCharacters(testLines({ ...failed, error: null }))).toBe(
    '✗ main  gpt-4o-mini  500\n  https://api.example.com/v1/chat/completions',
  )
  const [head, ...lines] = testLines(failed).split('\n')
  expect(head).toMatch(/500 \ufffd\[31mbroken$/)
  expect(lines).toEqual(['  two lines\ufffd]0;title\ufffd', '  https://api.example.com/v1/chat/completions'])
})
