// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables in the configuration file look like this
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { loadConfig } from '../config.ts'
import { providers } from '../providers/index.ts'
import { configSchema } from './json-schema.ts'

const deploy = new URL('../../deploy/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, deploy), 'utf8')

describe('the schema', () => {
  test('on disk is the one of the code: run `tollgate config schema > deploy/tollgate.schema.json` after a change', () => {
    expect(read('tollgate.schema.json')).toBe(`${JSON.stringify(configSchema(), undefined, 2)}\n`)
  })

  test('describes every member', () => {
    const members = [...membersOf(configSchema())]
    expect(members.length).toBeGreaterThan(60)
    expect(members.filter(([, schema]) => typeof schema['description'] !== 'string').map(([name]) => name)).toEqual([])
  })

  test('agrees with what people write: the example, variables in place of numbers, and no misspelt member', () => {
    const schema = z.fromJSONSchema(configSchema())
    const example: unknown = parse(read('tollgate.example.yaml'))
    expect(schema.safeParse(example).error).toBeUndefined()
    const limited = (rpm: unknown) => schema.safeParse({ limits: [{ scope: 'global', rpm }] }).success
    expect([limited(5), limited('${RPM}'), limited('5'), limited(0)]).toEqual([true, true, false, false])
    expect(schema.safeParse({ limit: [] }).success).toBe(false)
  })
})

describe('the example', () => {
  test('is in order, with the providers that there are', () => {
    const { declared } = loadConfig({
      env: {
        TOLLGATE_CONFIG: fileURLToPath(new URL('tollgate.example.yaml', deploy)),
        OPENAI_API_KEY: 'sk-upstream',
        DEV_KEY: 'sk-dev-0123456789abcdef',
      },
      cwd: '/',
      providers,
    })
    expect(declared.connections.length).toBeGreaterThan(1)
    expect(declared.keys).toHaveLength(1)
    expect(declared.models.get('fast')).toHaveLength(2)
  })

  test('tells only defaults and what it sets: a member left out means what its comment says', () => {
    const settings = { env: {}, cwd: '/nowhere', providers }
    const plain = loadConfig(settings)
    const env = {
      TOLLGATE_CONFIG: fileURLToPath(new URL('tollgate.example.yaml', deploy)),
      OPENAI_API_KEY: 'k',
      DEV_KEY: 'k'.repeat(18),
    }
    expect(loadConfig({ ...settings, env }).declared.settings).toEqual(plain.declared.settings)
  })
})

function* membersOf(schema: unknown): Generator<readonly [string, Record<string, unknown>]> {
  if (typeof schema !== 'object' || schema === null) return
  for (const [word, below] of Object.entries(schema)) {
    if (word === 'properties') yield* Object.entries(below as Record<string, Record<string, unknown>>)
    for (const inner of Array.isArray(below) ? below : [below]) yield* membersOf(inner)
  }
}
