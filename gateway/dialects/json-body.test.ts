import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault } from '../domain/fault.ts'
import { readJsonBody, splice } from './json-body.ts'

const read = (text: string | Buffer) => readJsonBody(Buffer.from(text as string))

function faultOf(text: string | Buffer): Fault {
  try {
    read(text)
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
  throw new Error('accepted')
}

describe('reading a request body', () => {
  test('finds each top-level member whatever its value holds', () => {
    const source = '{ "a" : "x\\"}{,[\\\\" ,"b":[{"a":1},"]"],"ключ" : {"c":{}}  ,"m\\u006fdel":null , "e":-1.5e3 }'
    const body = read(source)
    const textAt = (name: string) => {
      const span = body.members.get(name)
      return span && Buffer.from(body.bytes.subarray(span.start, span.end)).toString()
    }
    expect([...body.members.keys()]).toEqual(['a', 'b', 'ключ', 'model', 'e'])
    expect(textAt('a')).toBe('"x\\"}{,[\\\\"')
    expect(textAt('b')).toBe('[{"a":1},"]"]')
    expect(textAt('ключ')).toBe('{"c":{}}')
    expect(textAt('model')).toBe('null')
    expect(textAt('e')).toBe('-1.5e3')
  })

  test('finds the members of any JSON object', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 3 })),
        fc.boolean(),
        (value, pretty) => {
          const body = read(JSON.stringify(value, null, pretty ? 2 : undefined))
          const parsed = JSON.parse(JSON.stringify(value)) as Record<string, unknown>
          expect([...body.members.keys()].sort()).toEqual(Object.keys(parsed).sort())
          for (const [name, span] of body.members) {
            expect(JSON.parse(Buffer.from(body.bytes.subarray(span.start, span.end)).toString())).toEqual(parsed[name])
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('refuses what is no JSON object, in words', () => {
    expect(faultOf('').message).toMatch(/empty/)
    expect(faultOf('{"model":').code).toBe('invalid_json')
    expect(faultOf('[1]').message).toMatch(/must be a JSON object/)
    expect(faultOf('null').message).toMatch(/must be a JSON object/)
    expect(faultOf('\uFEFF{}').code).toBe('invalid_json')
    expect(faultOf(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])).message).toMatch(/UTF-8/)
  })

  test('refuses a name that occurs twice, however it is spelled', () => {
    expect(faultOf('{"model":"a","x":1,"model":"b"}').detail.param).toBe('model')
    expect(faultOf('{"model":"a","mod\\u0065l":"b"}').detail.param).toBe('model')
    expect(read('{"a":{"model":1},"model":{"model":2}}').members.size).toBe(2)
  })

  test('refuses deep nesting and survives absurd nesting', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
    expect(read(nested(64)).members.size).toBe(1)
    expect(faultOf(nested(65)).message).toMatch(/64/)
    expect(faultOf(nested(100_000)).code).toBe('invalid_json')
  })

  test('takes __proto__ as a name like any other', () => {
    const body = read('{"__proto__":{"model":"x"},"model":"y"}')
    expect(body.value['model']).toBe('y')
    expect(({} as Record<string, unknown>)['model']).toBeUndefined()
  })
})

describe('splicing', () => {
  test('changes the named members and no other byte', () => {
    const body = read('{ "model" : "fast",  "x": 1.0, "stream_options":{"a":1} }')
    const edits = [
      { member: 'stream_options', json: '{"a":1,"include_usage":true}' },
      { member: 'model', json: '"gpt-4o-mini"' },
    ]
    expect(Buffer.from(splice(body, edits)).toString()).toBe(
      '{ "model" : "gpt-4o-mini",  "x": 1.0, "stream_options":{"a":1,"include_usage":true} }',
    )
  })

  test('puts an absent member in front', () => {
    expect(Buffer.from(splice(read(' {"a":1}'), [{ member: 'b', json: '2' }])).toString()).toBe(' {"b":2,"a":1}')
    expect(Buffer.from(splice(read('{ }'), [{ member: 'b', json: '2' }])).toString()).toBe('{"b":2 }')
  })

  test('takes a member out, with the comma that parted it', () => {
    const without = (text: string) => Buffer.from(splice(read(text), [{ member: 'b', json: undefined }])).toString()
    expect(without('{ "a":1 , "b" : {"x":[1]} , "c":"b" }')).toBe('{ "a":1  , "c":"b" }')
    expect(without('{"b":1,"a":1}')).toBe('{"a":1}')
    expect(without('{"a":1 , "\\u0062":1 }')).toBe('{"a":1  }')
    expect(without('{"b":1}')).toBe('{}')
    expect(without('{"a":1}')).toBe('{"a":1}')
    const both = splice(read('{"a":1,"b":2,"c":3}'), [
      { member: 'c', json: undefined },
      { member: 'b', json: undefined },
    ])
    expect(Buffer.from(both).toString()).toBe('{"a":1}')
  })

  test('hands back the same bytes where nothing is to be set', () => {
    const body = read('{"a":1}')
    expect(splice(body, [])).toBe(body.bytes)
  })

  test('gives the object that setting the members, and taking some out, would give', () => {
    const name = fc.oneof(
      fc.constantFrom('a', 'b', 'c'),
      fc.string().filter((text) => !text.includes('"')),
    )
    const json = fc.jsonValue({ maxDepth: 2 })
    fc.assert(
      fc.property(
        fc.dictionary(name, json),
        fc.dictionary(name, fc.option(json, { nil: undefined }), { maxKeys: 3 }),
        fc.constantFrom(0, 2),
        (value, set, indent) => {
          const edits = Object.entries(set).map(([member, to]) => ({
            member,
            json: to === undefined ? undefined : JSON.stringify(to),
          }))
          const spliced = splice(read(JSON.stringify(value, null, indent)), edits)
          expect(JSON.parse(Buffer.from(spliced).toString())).toEqual(JSON.parse(JSON.stringify({ ...value, ...set })))
        },
      ),
      { numRuns: 2000 },
    )
  })
})
