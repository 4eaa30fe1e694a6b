import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig, printConfig } from '../config.ts'

const file = `connections:
  - id: main
    provider: acme-ai
    api_key: \${ACME_KEY}
    models: [{ best: gpt-5 }]
    priority: 5
keys:
  - { id: dev, secret: hunter2-hunter2-hunter2 }
budgets: []
`
const env = {
  PORT: '9000',
  ACME_KEY: 'hunter2',
  DATABASE_URL: 'postgres://u:hunter2@db/tollgate',
  TOLLGATE_MASTER_KEY: Buffer.alloc(32, 'hunter2').toString('base64'),
}

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'tollgate-print-'))
  writeFileSync(join(cwd, 'tollgate.yaml'), file)
})
afterEach(() => rmSync(cwd, { recursive: true }))

function configuration() {
  const providers = new Map([['acme-ai', { baseUrl: 'https://acme.example/v1', credential: 'required' as const }]])
  return loadConfig({ env, cwd, providers })
}

test('prints what is in effect, each value with where it comes from', () => {
  const lines = printConfig(configuration())
    .split('\n')
    .map((line) => line.trim())
  for (const line of [
    'PORT: 9000 # env PORT',
    'HOST: 127.0.0.1 # default',
    '- id: main # tollgate.yaml:2',
    'api_key: "********" # env ACME_KEY, tollgate.yaml:4',
    'base_url: https://acme.example/v1 # default',
    '- best: gpt-5 # tollgate.yaml:5',
    'priority: 5 # tollgate.yaml:6',
    'weight: 1 # default',
    'budgets: [] # tollgate.yaml:9',
    'users: [] # default',
    'total_ms: 600000 # default',
  ]) {
    expect(lines).toContain(line)
  }
})

test('prints YAML and JSON that say the same', () => {
  const yaml: unknown = parse(printConfig(configuration()))
  const json: unknown = JSON.parse(printConfig(configuration(), 'json'))
  expect(valuesOf(json)).toEqual(yaml)
  expect(json).toMatchObject({
    environment: {
      PORT: { value: 9000, origin: 'env PORT' },
      DATABASE_URL: { value: '********', origin: 'env DATABASE_URL' },
    },
    connections: [{ weight: { value: 1, origin: 'default' } }],
  })
})

test('prints no secret', () => {
  for (const text of [printConfig(configuration()), printConfig(configuration(), 'json')]) {
    expect(text).not.toContain('hunter2')
    expect(text).not.toContain(env.TOLLGATE_MASTER_KEY)
  }
})

/** The JSON form without origins. */
function valuesOf(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(valuesOf)
  if (typeof node !== 'object' || node === null) return node
  if ('origin' in node && 'value' in node) return node.value
  return Object.fromEntries(Object.entries(node).map(([member, value]) => [member, valuesOf(value)]))
}
