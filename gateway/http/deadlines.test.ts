import { expect, test } from 'vitest'
import { deadlinesIn } from './deadlines.ts'

test.each([
  [{}, undefined],
  [{ 'x-stainless-timeout': '600' }, 598_000],
  [{ 'x-stainless-read-timeout': '30.5' }, 28_500],
  [{ 'x-stainless-timeout': '10', 'x-stainless-read-timeout': '600' }, 8_000],
  // Less than the slack still leaves a moment to answer in.
  [{ 'x-stainless-timeout': '1' }, 500],
  [{ 'x-stainless-timeout': '0' }, undefined],
  [{ 'x-stainless-read-timeout': 'None' }, undefined],
  [{ 'x-litellm-timeout': '5', 'x-stainless-timeout': '600' }, 5_000],
  [{ 'cf-aig-request-timeout': '700' }, 700],
  [{ 'x-tollgate-timeout-ms': '250', 'x-portkey-request-timeout': '9000', 'x-stainless-timeout': '600' }, 250],
])('by %j a client waits %s ms', (headers: Record<string, string>, timeoutMs) => {
  expect(deadlinesIn(headers)).toEqual({ timeoutMs, firstTokenTimeoutMs: undefined })
})

test('the first token has a deadline of its own', () => {
  const theirs = { 'x-litellm-stream-timeout': '3' }
  expect(deadlinesIn(theirs).firstTokenTimeoutMs).toBe(3_000)
  expect(deadlinesIn({ ...theirs, 'x-tollgate-first-token-timeout-ms': '50' }).firstTokenTimeoutMs).toBe(50)
})

test.each(['x-tollgate-timeout-ms', 'x-tollgate-first-token-timeout-ms'])('"%s" is refused by name', (name) => {
  for (const value of ['0', '-5', '1.5', 'soon', '']) {
    const refusal = { code: 'invalid_header', detail: { param: name } }
    expect(() => deadlinesIn({ [name]: value })).toThrow(expect.objectContaining(refusal))
  }
})
