import { expect, test } from 'vitest'
import { filterOf } from './filter-words.ts'

test.each([
  ['provider:openai,anthropic', { dimension: 'provider', op: 'in', values: ['openai', 'anthropic'] }],
  ['feature:!chat', { dimension: 'feature', op: 'not_in', values: ['chat'] }],
  ['model:~mini', { dimension: 'model', op: 'contains', values: ['mini'] }],
  ['model:!~mini', { dimension: 'model', op: 'not_contains', values: ['mini'] }],
  ['user:', { dimension: 'user', op: 'in', values: [null] }],
  ['metadata.team:a%2Cb,c%3Ad', { dimension: 'metadata.team', op: 'in', values: ['a,b', 'c:d'] }],
])('%s is read', (text, filter) => {
  expect(filterOf(text)).toEqual(filter)
})

test.each(['provider', 'colour:red', 'metadata.:x', 'constructor:x', 'model:%E0%A4%A', ''])(
  '%j is no filter',
  (text) => {
    expect(filterOf(text)).toBeUndefined()
  },
)
