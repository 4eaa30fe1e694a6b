import { describe, expect, test } from 'vitest'
import { readJsonBody } from '../json-body.ts'
import { readCompletionsRequest } from './request.ts'

const read = (fields: Readonly<Record<string, unknown>>) =>
  readCompletionsRequest(readJsonBody(Buffer.from(JSON.stringify({ model: 'm', prompt: 'one two', ...fields }))))

describe('a request for a plain completion', () => {
  test.each([
    ['one text', { prompt: 'one two' }, { texts: ['one two'], tokens: 0 }, 1],
    ['several texts, answered each by itself', { prompt: ['one', 'two'] }, { texts: ['one', 'two'], tokens: 0 }, 2],
    ['tokens', { prompt: [1, 2, 3] }, { texts: [], tokens: 3 }, 1],
    ['several lists of tokens', { prompt: [[1, 2], [3]] }, { texts: [], tokens: 3 }, 2],
    ['nothing, which is the beginning of a document', { prompt: null }, { texts: [], tokens: 0 }, 1],
    ['what comes before and what comes after', { suffix: 'three' }, { texts: ['one two', 'three'], tokens: 0 }, 1],
    ['several answers, of which more are made', { n: 2, best_of: 5 }, { texts: ['one two'], tokens: 0 }, 5],
  ])('may give %s', (_, fields, prompt, choices) => {
    const asked = read({ ...fields, max_tokens: 10 })
    expect(asked).toMatchObject({ model: 'm', choices, outputTokensMax: 10 * choices, stream: false })
    expect(asked.prompt()).toEqual({ ...prompt, messages: 0 })
  })

  test('without a cap has none: where answers end then is each provider’s own affair', () => {
    expect(read({}).outputTokensMax).toBeUndefined()
  })

  test('may ask for a stream and its usage, and name its user', () => {
    const asked = read({ stream: true, stream_options: { include_usage: true }, user: 'ana' })
    expect(asked).toMatchObject({ stream: true, streamUsage: true, user: 'ana' })
  })

  test.each([
    ['prompt', undefined],
    ['prompt', 7],
    ['prompt', { text: 'x' }],
    ['n', 0],
    ['best_of', 1000],
    ['max_tokens', 1.5],
    ['stream', 'yes'],
    ['stream_options', true],
    ['model', undefined],
  ])('with %s %j is refused by that name', (param, value) => {
    expect(() => read({ [param]: value })).toThrow(
      expect.objectContaining({ status: 400, detail: expect.objectContaining({ param }) }),
    )
  })
})
