import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { aliases, bodyAliases, firstOf, prefixAliases } from './aliases.ts'
import { ignoredNames } from './ignored-names.ts'

type Table = keyof typeof aliases

const long = 'x'.repeat(300)

/** For each row what it makes of a value, and of some that make no sense. */
const rows: readonly (readonly [Table, header: string, value: string, means: unknown])[] = [
  ['key', 'authorization', 'Bearer sk-1', 'sk-1'],
  ['key', 'authorization', 'bearer  sk-1 ', 'sk-1'],
  ['key', 'authorization', 'Basic c2s=', undefined],
  ['key', 'authorization', 'Bearer ', undefined],
  ['key', 'x-api-key', 'sk-1', 'sk-1'],
  ['key', 'x-goog-api-key', 'sk-1', 'sk-1'],
  ['key', 'api-key', 'sk-1', 'sk-1'],
  ['key', 'x-litellm-api-key', 'sk-1', 'sk-1'],
  ['key', 'x-litellm-api-key', 'Bearer sk-1', 'sk-1'],
  ['key', 'x-portkey-api-key', 'sk-1', 'sk-1'],
  ['key', 'helicone-auth', 'Bearer sk-1', 'sk-1'],
  ['key', 'helicone-auth', 'sk-1', undefined],
  ['key', 'helicone-api-key', 'sk-1', 'sk-1'],
  ['key', 'cf-aig-authorization', 'Bearer sk-1', 'sk-1'],
  ['key', 'x-bf-vk', 'sk-1', 'sk-1'],
  ['user', 'x-litellm-end-user-id', 'ana', 'ana'],
  ['user', 'x-litellm-customer-id', 'ana', 'ana'],
  ['user', 'helicone-user-id', latin1('Zoë'), 'Zoë'],
  ['user', 'x-bf-customer-id', long, long.slice(0, 256)],
  ['user', 'x-portkey-metadata', '{"_user":"ana","env":"prod"}', 'ana'],
  ['user', 'x-portkey-metadata', '{"env":"prod"}', undefined],
  ['user', 'x-portkey-metadata', '{"_user":{"id":1}}', undefined],
  ['session', 'x-litellm-session-id', 's1', 's1'],
  ['session', 'x-portkey-trace-id', 's1', 's1'],
  ['session', 'helicone-session-id', 's1', 's1'],
  [
    'metadata',
    'x-portkey-metadata',
    '{"_user":"ana","env":"prod","n":1,"deep":{},"no":null}',
    { env: 'prod', n: 1, no: null },
  ],
  ['metadata', 'cf-aig-metadata', '{"team":"a","test":true}', { team: 'a', test: true }],
  ['metadata', 'cf-aig-metadata', '{"team":', undefined],
  ['metadata', 'cf-aig-metadata', '["a"]', undefined],
  ['metadata', 'cf-aig-metadata', `{"a":"${'x'.repeat(5000)}"}`, undefined],
  ['metadata', 'x-litellm-spend-logs-metadata', '{"project":"p"}', { project: 'p' }],
  ['metadata', 'x-litellm-tags', 'a,b', { tags: 'a,b' }],
  ['metadata', 'http-referer', 'https://app.example', { referer: 'https://app.example' }],
  ['metadata', 'x-title', 'My App', { title: 'My App' }],
  ['attemptsMax', 'x-litellm-num-retries', '1', 2],
  ['attemptsMax', 'x-portkey-retry-count', '0', 1],
  ['attemptsMax', 'x-portkey-retry-count', '5', 6],
  ['attemptsMax', 'x-portkey-retry-count', '-1', undefined],
  ['attemptsMax', 'x-portkey-retry-count', 'many', undefined],
  ['attemptsMax', 'cf-aig-max-attempts', '2', 2],
  ['attemptsMax', 'cf-aig-max-attempts', '0', undefined],
  ['attemptsMax', 'helicone-retry-enabled', 'false', 1],
  ['attemptsMax', 'helicone-retry-enabled', 'true', undefined],
  ['attemptsMax', 'helicone-retry-num', '1', 2],
  ['timeoutMs', 'x-litellm-timeout', '1.5', 1500],
  ['timeoutMs', 'x-litellm-timeout', 'soon', undefined],
  ['timeoutMs', 'x-portkey-request-timeout', '900', 900],
  ['timeoutMs', 'x-portkey-request-timeout', '0', undefined],
  ['timeoutMs', 'cf-aig-request-timeout', '900', 900],
  ['timeoutMs', 'cf-aig-request-timeout', 'Infinity', undefined],
  ['firstTokenTimeoutMs', 'x-litellm-stream-timeout', '2', 2000],
  ['tracked', 'cf-aig-collect-log', 'false', false],
  ['tracked', 'cf-aig-collect-log', 'true', undefined],
  ['tracked', 'helicone-omit-request', 'true', false],
  ['tracked', 'helicone-omit-request', 'false', undefined],
  ['tracked', 'helicone-omit-response', 'true', false],
]

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function read(table: Table, headers: IncomingHttpHeaders): unknown {
  return firstOf<unknown>(aliases[table], headers)
}

describe('an alias', () => {
  test.each(rows)('%s: "%s: %s"', (table, header, value, means) => {
    expect(read(table, { [header]: value })).toEqual(means)
  })

  test('has an example above, whichever it is', () => {
    const shown = new Set(rows.map(([table, header]) => `${table} ${header}`))
    const there = Object.entries(aliases).flatMap(([table, all]) => all.map(({ header }) => `${table} ${header}`))
    expect([...shown].sort()).toEqual([...there].sort())
    expect(there.length).toBeGreaterThan(30)
  })

  test('that says nothing leaves the word to the next', () => {
    expect(read('user', { 'x-litellm-end-user-id': '', 'helicone-user-id': 'ana' })).toBe('ana')
    expect(read('attemptsMax', { 'x-portkey-retry-count': 'many', 'cf-aig-max-attempts': '2' })).toBe(2)
    expect(read('user', { 'x-bf-customer-id': 'second', 'x-litellm-end-user-id': 'first' })).toBe('first')
  })

  test('that Node would never show is none: names are in lower case, and no other row hides them', () => {
    for (const all of Object.values(aliases)) {
      const names = all.map(({ header }) => header)
      expect(names).toEqual(names.map((name) => name.toLowerCase()))
      expect(new Set(names).size).toBe(names.length)
    }
  })
})

describe('a name of another gateway', () => {
  const accepted = new Set([
    ...Object.values(aliases).flatMap((all) => all.map(({ header }) => header)),
    ...Object.values(prefixAliases).flatMap((all) => all.map(({ prefix }) => `${prefix}*`)),
    ...Object.values(bodyAliases).flatMap((all) => all.map(({ member }) => member)),
  ])
  const ignored = new Set(ignoredNames.map(({ name }) => name))

  test('is taken or ignored, not both, and what is ignored says why', () => {
    expect([...ignored].filter((name) => accepted.has(name))).toEqual([])
    const listed = ignoredNames.map((each) => `${each.of} ${each.in} ${each.name}`)
    expect(new Set(listed).size).toBe(listed.length)
    expect(ignoredNames.filter(({ why }) => !/^[A-Z].*\.$/.test(why))).toEqual([])
  })

  const recordings = process.env['TOLLGATE_RECORDINGS']
  test.skipIf(recordings === undefined)('that the survey of the field found is in one of the two tables', () => {
    const survey = readFileSync(join(recordings ?? '', '../field.md'), 'utf8')
    const table = survey.slice(survey.indexOf('## 4.5'))
    const names = table
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| Meaning'))
      .flatMap(
        (line) =>
          line
            .split('|')
            .slice(2, -2)
            .join('|')
            .match(/\b(x|cf-aig|helicone)-[a-z-]*[a-z](-[*<])?/gi) ?? [],
      )
      .map((name) => name.toLowerCase().replace(/<$/, '*'))
    expect(names.length).toBeGreaterThan(30)
    expect(names.filter((name) => !accepted.has(name) && !ignored.has(name))).toEqual([])
  })
})
