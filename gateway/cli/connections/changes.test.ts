import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../../e2e/database.ts'
import { completion, sendJson, startUpstream, type Upstream } from '../../e2e/upstream.ts'
import { findConnection } from '../../ledger/configured/connections.ts'
import {
  addressOf,
  callThrough,
  externalDatabase,
  makePlace,
  type Place,
  type Running,
} from '../command-line.fixture.ts'

const database = testDatabase()
const secret = 'dev-secret-of-eighteen-or-more'
const goodKey = 'sk-good-0123456789abcd'
const badKey = 'sk-bad-0123456789wxyz'
let upstream: Upstream
let place: Place
let gateway: Running
let address: string

beforeAll(async () => {
  upstream = await startUpstream(({ headers }, response) => {
    if (headers['authorization'] === `Bearer ${goodKey}`) sendJson(response, 200, completion('Hi'))
    else sendJson(response, 401, JSON.stringify({ error: { code: 'invalid_api_key', message: `no ${badKey}` } }))
  })
  const declared = { id: 'declared', provider: 'sandbox', models: ['sandbox/echo'] }
  place = makePlace({ keys: [{ id: 'dev', secret }], connections: [declared] }, externalDatabase(database().address))
  gateway = place.start('serve')
  address = await addressOf(gateway)
})
afterAll(async () => {
  await gateway?.interrupt()
  await upstream?.close()
  place?.remove()
})

const call = (model: string) => callThrough(address, secret, model)

const local = () => `--base-url ${upstream.url} --allow-private-network`

describe('adding a connection', () => {
  test('takes its key from stdin, seals it, and the next call can use it [S0-02]', async () => {
    const line = `connections add --provider compatible --id vllm --name Cluster --models small,fast=gpt-4o-mini`
    const more = `--priority 3 --weight 2 --rpm 500 --header x-team=a=b --header x-project=c --track off ${local()} --key-stdin`
    const said = await place.run(`${line} ${more}`, {}, `${goodKey}\n`)
    expect(said).toEqual({ code: 0, stdout: 'Added vllm.\n', stderr: '' })
    expect(await findConnection(database().database, 'vllm')).toMatchObject({
      name: 'Cluster',
      priority: 3,
      weight: 2,
      models: ['small', { fast: 'gpt-4o-mini' }],
      limits: { rpm: 500 },
      headers: { 'x-team': 'a=b', 'x-project': 'c' },
      trackUsage: false,
      keyHint: '…abcd',
      sealedApiKey: expect.stringMatching(/^v1\./),
    })
    expect(await call('fast')).toBe(200)
    expect(upstream.seen.at(-1)?.headers).toMatchObject({ 'x-team': 'a=b', 'x-project': 'c' })
    const [listed, shown] = await place.runAll(['connections list', 'connections show vllm --json'])
    expect(listed?.stdout).toMatch(/^vllm +compatible +Cluster +Active +3 +/m)
    expect(JSON.parse(shown?.stdout ?? '')).toMatchObject({
      source: 'database',
      managed_by: 'database',
      key_hint: '…abcd',
    })
    expect(`${listed?.stdout}${shown?.stdout}`).not.toContain(goodKey)
  })

  test('tests it where that is asked for, and says what to do about a key that is refused', async () => {
    const line = `connections add --provider compatible --models gpt-4o-mini ${local()} --key-env UPSTREAM_KEY --test`
    const good = await place.run(line, { UPSTREAM_KEY: goodKey })
    expect(good.stdout).toMatch(/^Added compatible\.\n✓ compatible {2}gpt-4o-mini {2}\d+ ms/)
    expect(good.code).toBe(0)
    const bad = await place.run(line, { UPSTREAM_KEY: badKey })
    expect(bad.stdout).toMatch(/^Added compatible-2\.\n✗ compatible-2 {2}gpt-4o-mini {2}401 invalid_api_key\n/)
    expect(bad.stdout).toContain('→ the provider refused the key: tollgate connections rotate-key compatible-2\n')
    expect(bad.stdout).not.toContain(badKey)
    expect(bad.code).toBe(1)
  })

  test('refuses what could not be called, with what is wrong, before it asks for a key', async () => {
    const refused = {
      'connections add --provider nobody': [3, 'there is no provider "nobody"'],
      'connections add --provider compatible': [2, 'base_url: found nothing'],
      [`connections add --provider compatible --base-url ${upstream.url}`]: [2, 'base_url: found http'],
      'connections add --provider openai --id Not_A_Slug': [2, 'id: found "Not_A_Slug"'],
      'connections add --provider openai --priority soon': [2, '--priority wants a number'],
      'connections add --provider openai --header secret': [2, '--header wants name=value'],
      'connections add --provider openai --weight 0': [2, 'weight: '],
      'connections add --provider openai --priority 99999999999': [2, 'priority: found 99999999999, expected a whole'],
      'connections add --provider ollama': [2, 'allow_private_network: found nothing that allows http://127.0.0.1'],
      'connections add --provider openai': [2, 'there is no key, and no terminal to ask for it'],
      'connections add --provider openai --key-env NOT_SET': [2, 'NOT_SET is not set'],
      'connections add --provider openai --id declared': [6, 'declared is managed by config: tollgate.yaml:5'],
      'connections add --provider sandbox --id vllm': [6, 'there is a connection vllm already'],
    }
    const said = await place.runAll(Object.keys(refused))
    for (const [i, [code, words]] of Object.values(refused).entries()) {
      expect(said[i]?.stderr).toContain(words)
      expect(said[i]).toMatchObject({ code, stdout: '' })
    }
    const [spilt] = await place.runAll([`connections add --provider openai ${goodKey}`])
    expect(spilt).toMatchObject({ code: 2, stderr: expect.stringContaining('options alone') })
    expect(spilt?.stderr).not.toContain(goodKey)
    const empty = await place.run('connections add --provider openai --key-stdin', {}, ' \n')
    expect(empty).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no key in stdin') })
  })
})

test('a name is shown, and not obeyed by a terminal; a priority may be below zero', async () => {
  const [added, shown, removed] = await place.runAll([
    'connections add --provider ollama --id odd --name a\u001b[31mb --priority=-5 --allow-private-network',
    'connections show odd',
    'connections rm odd --yes',
  ])
  expect([added?.code, removed?.code]).toEqual([0, 0])
  expect(shown?.stdout).toContain('\nname         a\ufffd[31mb\n')
  expect(shown?.stdout).toContain('\nrouting      priority -5, weight 1\n')
})

describe('changing a connection', () => {
  test('takes it out of use and back, at once', async () => {
    const [off, again, drained, on] = await place.runAll([
      'connections disable vllm',
      'connections disable vllm --json',
      'connections drain vllm',
      'connections enable vllm',
    ])
    expect(off).toEqual({ code: 0, stdout: 'vllm is inactive; it was active.\n', stderr: '' })
    expect(JSON.parse(again?.stdout ?? '')).toEqual({ id: 'vllm', status: 'inactive', changed: false, taken_up: true })
    expect(drained?.stdout).toBe('vllm is draining; it was inactive.\n')
    expect(on?.stdout).toBe('vllm is active; it was draining.\n')
    expect(await call('small')).toBe(200)
    await place.run('connections disable vllm')
    expect(await call('small')).toBe(404)
    await place.run('connections enable vllm')
  })

  test('with another key is another connection to its provider: what was refused is tried again', async () => {
    expect((await place.run('monitor --test --provider compatible')).code).toBe(12)
    const line = 'connections rotate-key compatible-2 --key-env UPSTREAM_KEY'
    const rotated = await place.run(line, { UPSTREAM_KEY: goodKey })
    expect(rotated).toEqual({ code: 0, stdout: 'compatible-2 has another key: …abcd\n', stderr: '' })
    const listed = await place.run('connections list')
    expect(listed.stdout).toMatch(/^compatible-2 +compatible +compatible-2 +Active +10 +— +● Healthy/m)
    const tested = await place.run(`${line} --test --json`, { UPSTREAM_KEY: goodKey })
    expect(JSON.parse(tested.stdout)).toMatchObject({ id: 'compatible-2', test: { ok: true } })
    expect(tested.code).toBe(0)
  })

  test('is refused where the file declares it, where it comes with the box, and where there is none', async () => {
    const verbs = ['enable', 'disable', 'drain', 'rotate-key', 'rm']
    const ids = { declared: [6, /managed by config: tollgate\.yaml:5 /], sandbox: [6, /box/], nobody: [3, /no conn/] }
    const lines = verbs.flatMap((verb) => Object.keys(ids).map((id) => `connections ${verb} ${id}`))
    const said = await place.runAll(lines)
    const expected = verbs.flatMap(() => Object.values(ids))
    for (const [i, [code, words]] of expected.entries()) {
      expect(said[i]?.stderr).toMatch(words as RegExp)
      expect(said[i]?.code).toBe(code)
    }
    const asked = await place.run('connections rm declared --json')
    expect(JSON.parse(asked.stdout)).toMatchObject({
      title: expect.stringContaining('managed by config'),
      exit_code: 6,
    })
  })

  test('removes it only with a yes, and its key with it', async () => {
    const [asked, removed, gone] = await place.runAll([
      'connections rm vllm',
      'connections rm vllm --yes',
      'connections show vllm',
    ])
    expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') })
    expect(removed).toEqual({ code: 0, stdout: 'vllm is removed.\n', stderr: '' })
    expect(gone?.code).toBe(3)
    expect(await call('small')).toBe(404)
  })
})

test('one whose key does not open is in error, and says so [S0-14]', async () => {
  await database().database.sql`
    UPDATE tollgate.connections SET sealed_api_key = 'v1.a.b.c.d' WHERE slug = 'compatible' AND deleted_at IS NULL`
  await expect
    .poll(async () => (await place.run('connections list')).stdout, { timeout: 10_000 })
    .toMatch(/^compatible +compatible +compatible +Error +10 +\S+.* — +\S+/m)
  const said = await place.run('monitor --provider compatible')
  expect(said.stdout).toMatch(/\n {2}the connection compatible is not used: its credential does not open/)
  expect(said.code).toBe(1)
})

test('without a gateway a change is stored for the next start', async () => {
  const still = makePlace(undefined, externalDatabase(database().address))
  try {
    const said = await still.run('connections disable compatible')
    expect(said.stdout).toBe('compatible is inactive; it was active.\n')
    expect(said.stderr).toContain('No gateway runs here')
    expect(said.code).toBe(0)
    expect((await still.run('connections add --provider sandbox --test')).code).toBe(5)
  } finally {
    still.remove()
  }
})
