import { expect, test } from 'vitest'
import { exampleOf } from './example.ts'

test('makes a value of every type, within its bounds', () => {
  const schema = {
    type: 'object',
    properties: {
      city: { type: 'string' },
      code: { type: 'string', minLength: 3, maxLength: 5 },
      when: { type: 'string', format: 'date' },
      unit: { enum: ['celsius', 'fahrenheit'] },
      days: { type: 'integer', minimum: 3, maximum: 7 },
      share: { type: 'number', maximum: 0.5 },
      above: { type: 'integer', exclusiveMinimum: 10 },
      detailed: { type: 'boolean' },
      note: { type: ['null', 'string'] },
      tags: { type: 'array', items: { type: 'string' }, minItems: 2 },
      mode: { const: 'fast' },
      limit: { type: 'integer', default: 20 },
      either: { anyOf: [{ type: 'integer' }, { type: 'string' }] },
    },
  }
  expect(exampleOf(schema)).toEqual({
    city: 'example city',
    code: 'examp',
    when: '2026-01-01',
    unit: 'celsius',
    days: 3,
    share: 0.5,
    above: 11,
    detailed: true,
    note: null,
    tags: ['example tags', 'example tags'],
    mode: 'fast',
    limit: 20,
    either: 1,
  })
})

test('gives what is required, where that is said', () => {
  const schema = { properties: { city: { type: 'string' }, unit: { type: 'string' } }, required: ['city'] }
  expect(exampleOf(schema)).toEqual({ city: 'example city' })
})

test('follows references, and does not follow a schema that contains itself for ever', () => {
  const schema = {
    $defs: { place: { type: 'object', properties: { name: { type: 'string' } } } },
    type: 'object',
    properties: { from: { $ref: '#/$defs/place' }, lost: { $ref: '#/$defs/none' } },
  }
  expect(exampleOf(schema)).toEqual({ from: { name: 'example name' }, lost: null })
  const names = 'abcdefghij'.split('')
  const tree = { type: 'object', properties: Object.fromEntries(names.map((name) => [name, { $ref: '#' }])) }
  expect(JSON.stringify(exampleOf(tree)).length).toBeLessThan(10_000)
})

test('makes something of schemas that are none', () => {
  expect(exampleOf(undefined)).toBe(null)
  expect(exampleOf(true)).toBe(null)
  expect(exampleOf({ type: 7, format: 8, enum: 'x', minLength: 'many' })).toBe('example value')
  expect(() => exampleOf({ properties: 'none', required: [{}], anyOf: [] })).not.toThrow()
  expect(exampleOf({ type: 'array', minItems: 1e9 })).toHaveLength(16)
})
