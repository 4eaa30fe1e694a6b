// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables in the configuration file look like this
import { describe, expect, test } from 'vitest'
import { readDocument } from './document.ts'
import { describe as told } from './problem.ts'

const read = (text: string, env: Record<string, string> = {}) => readDocument(text, 'f.yaml', env)
const wrong = (text: string, env: Record<string, string> = {}) => read(text, env).problems.map(told)

describe('variables in a text', () => {
  test('are filled in wherever a text stands, names too, and remembered', () => {
    const document = read('a: "x-${ONE}-${TWO}"\n"${ONE}": [plain]\nb: 5', { ONE: 'eins', TWO: '${ONE}: $&' })
    expect(document.value).toEqual({ a: 'x-eins-${ONE}: $&', eins: ['plain'], b: 5 })
    expect(document.written(['a'])?.variables).toEqual(['ONE', 'TWO'])
    expect(document.written(['b'])?.variables).toEqual([])
    expect(document.written(['c'])).toBeUndefined()
  })

  test('stay as written after a second dollar', () => {
    expect(read('a: $${ONE} $$ONE $ONE', { ONE: 'eins' }).value).toEqual({ a: '${ONE} $$ONE $ONE' })
  })

  test('that are not set are named, each with its place', () => {
    expect(wrong('a: 1\nb: ${GONE}\nc: "${ALSO}${GONE}"')).toEqual([
      'f.yaml:2:4 b: the environment variable GONE is not set',
      'f.yaml:3:4 c: the environment variable ALSO is not set',
      'f.yaml:3:4 c: the environment variable GONE is not set',
    ])
    expect(wrong('a: ${EMPTY}', { EMPTY: '' })).toEqual([])
  })

  test('have a name and nothing else, and what stands instead is not repeated', () => {
    expect(wrong('a: "${NAME:-hunter2}"', { NAME: 'x' })).toEqual([
      'f.yaml:1:4 a: found "${" without a name, expected ${NAME}, or $${ for a plain "${"',
    ])
  })

  test('want quotes between brackets, and the report says so', () => {
    expect(wrong('a: { b: ${NAME} }', { NAME: 'x' })).toEqual([
      'f.yaml:1:10: found "${" between brackets, expected quotes around it: "${NAME}"',
    ])
    expect(wrong('a: { b: "${NAME}" }', { NAME: 'x' })).toEqual([])
  })
})

describe('a document', () => {
  test('knows where values and keys stand, and of what is missing what is around it', () => {
    const document = read('a:\n  - b: 1\n    c: 2\n')
    expect(document.place(['a', 0, 'c'])).toEqual({ file: 'f.yaml', line: 3, column: 8 })
    expect(document.place(['a', 0, 'c'], 'key')).toEqual({ file: 'f.yaml', line: 3, column: 5 })
    expect(document.place(['a', 0, 'd', 'e'])).toEqual({ file: 'f.yaml', line: 2, column: 5 })
    expect(document.place([])).toEqual({ file: 'f.yaml', line: 1, column: 1 })
  })

  test('is YAML 1.2: on is a text, 012 is twelve, a date is a text', () => {
    const value = { a: 'on', b: 12, c: '2027-01-01', d: null, e: true, f: '12:30' }
    expect(read('a: on\nb: 012\nc: 2027-01-01\nd: ~\ne: true\nf: 12:30').value).toEqual(value)
    expect(read('%YAML 1.1\n---\na: on').value).toEqual({ a: 'on' })
  })

  test('refuses a key that stands twice', () => {
    expect(wrong('a: 1\nb: 2\na: 3')).toEqual(['f.yaml:3:1 a: found a second time, expected once'])
  })

  test('takes a key called __proto__ for a key', () => {
    const { value } = read('__proto__: { admin: true }')
    expect(Object.keys(value as object)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })

  test('follows anchors, and stops where they multiply or bite their tail', () => {
    expect(read('a: &x { b: 1 }\nc: [*x, *x]').value).toEqual({ a: { b: 1 }, c: [{ b: 1 }, { b: 1 }] })
    const bomb = Array.from({ length: 9 }, (_, n) => `l${n}: &l${n} [${Array(10).fill(n === 0 ? 'x' : `*l${n - 1}`)}]`)
    for (const yaml of [bomb.join('\n'), 'a: &a [*a]', `a: ${'['.repeat(17)}${']'.repeat(17)}`]) {
      expect(wrong(yaml)).toEqual([
        expect.stringMatching(/: aliases or nesting make this more than any configuration is$/),
      ])
    }
    expect(wrong('a: *x')).toEqual(['f.yaml:1:4 a: found an alias, expected its anchor before it'])
  })

  test('that is no YAML says the first thing that is wrong, where, and nothing of what stands there', () => {
    for (const [yaml, said] of [
      ['a: [1, 2\nb: hunter2', 'f.yaml:2:1: found an indentation that does not fit what stands above'],
      ['a:\n\t- hunter2', 'f.yaml:2:1: found a tab, expected spaces to indent with'],
      ['a: b\n hunter2: x\nfoo', 'f.yaml:1:4: found ": " inside a value, expected quotes around the text'],
      ['a: 1\n---\nhunter2: 2', 'f.yaml:2:1: found a second document, expected one'],
      ['a: @hunter2', 'f.yaml:1:4: found a character that no text can begin with, expected quotes around the text'],
      [
        'a: "\\qhunter2"',
        'f.yaml:1:5: found a backslash that escapes nothing, expected \\\\ or single quotes around the text',
      ],
      ['a: "hunter2', 'f.yaml:1:12: found an end, expected a closing quote or bracket, or a ":" after a key'],
      ['a: !hunter2 x', 'f.yaml:1:4: found a tag ("!…"), expected a plain value'],
      ['? [hunter2]\n: 1', 'f.yaml:1:3: found a key that is no text'],
      ['}', 'f.yaml:1:1: found something that is not YAML'],
      ['['.repeat(20_000), expect.stringMatching(/: found nesting deeper than any configuration is$/)],
    ] as const) {
      expect(wrong(yaml), yaml.slice(0, 40)).toEqual([said])
      expect(read(yaml).value).toBeUndefined()
    }
  })
})
