import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { makePlace, type Place } from './command-line.fixture.ts'

let place: Place
const secret = 'dev-secret-of-eighteen-or-more'
const upstreamKey = 'sk-upstream-0123456789'

beforeAll(() => {
  place = makePlace({
    connections: [{ id: 'main', provider: 'openai', api_key: upstreamKey, models: ['gpt-*'] }],
    keys: [{ id: 'dev', secret, limits: { rpm: 60 } }],
  })
})
afterAll(() => place.remove())

test('validate says what was read', async () => {
  const [said, asked] = await place.runAll(['config validate', 'config validate --json'])
  const file = join(place.dir, 'tollgate.yaml')
  const stdout = `In order: ${file}: 1 connection, 1 key, 1 limit, 0 virtual models\n`
  expect(said).toEqual({ code: 0, stdout, stderr: '' })
  expect(JSON.parse(asked?.stdout ?? '')).toEqual({ valid: true, file, problems: [] })
})

test('validate reports every mistake at once, and ends with 2', async () => {
  const broken = makePlace('connections:\n  - id: main\n    provider: opnai\nkey: []\n')
  try {
    const [told, asked, keys] = await broken.runAll(['config validate', 'config validate --json', 'keys list --json'], {
      PORT: 'http',
    })
    const stderr = told?.stderr
    expect(stderr).toContain('  PORT: found "http", expected a port, 0 to 65535\n')
    expect(stderr).toMatch(/ {2}tollgate\.yaml:3:15 .*did you mean "openai"/)
    expect(stderr).toMatch(/ {2}tollgate\.yaml:4:1 .*key/)
    expect(told).toMatchObject({ code: 2, stdout: '' })
    const document = JSON.parse(asked?.stdout ?? '')
    expect(document).toMatchObject({ valid: false, file: null })
    expect(document.problems).toHaveLength(3)
    expect(document.problems[0]).toEqual({ path: 'PORT', message: expect.any(String), text: expect.any(String) })
    expect(asked?.code).toBe(2)
    // Every other command stops there as well.
    expect(JSON.parse(keys?.stdout ?? '')).toMatchObject({
      title: 'the configuration cannot be used',
      problems: [{ path: 'PORT' }, {}, {}],
      exit_code: 2,
    })
    expect(keys?.code).toBe(2)
  } finally {
    broken.remove()
  }
})

test('print shows what holds and from where, and no secret', async () => {
  const [said, asked] = await place.runAll(['config print', 'config print --json'])
  const stdout = said?.stdout ?? ''
  expect(parse(stdout).keys[0]).toMatchObject({ id: 'dev', secret: '********' })
  expect(stdout).toMatch(/rpm: 60 # tollgate\.yaml:\d+/)
  expect(stdout).not.toContain(secret)
  expect(stdout).not.toContain(upstreamKey)
  expect(said).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(asked?.stdout ?? '').keys[0].id).toEqual({
    value: 'dev',
    origin: expect.stringMatching(/^tollgate\.yaml:\d+$/),
  })
})

test('schema prints the one that is kept in deploy/, whatever the configuration', async () => {
  const { code, stdout } = await place.run('config schema', { PORT: 'http' })
  expect(stdout).toBe(readFileSync(join(import.meta.dirname, '../../deploy/tollgate.schema.json'), 'utf8'))
  expect(code).toBe(0)
})
