import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../e2e/database.ts'
import { startGateway, type TestGateway } from '../e2e/gateway.ts'
import { makePlace, type Place } from './command-line.fixture.ts'

const database = testDatabase()
const file = {
  connections: [
    { id: 'second', provider: 'openai', api_key: 'sk-upstream-2', priority: 20, models: ['gpt-*'], status: 'draining' },
    {
      id: 'first',
      provider: 'compatible',
      base_url: 'https://models.example/v1',
      models: { fast: 'gpt-4o-mini', a: 'b', c: 'd', e: 'f' },
      limits: { rpm: 1500, concurrency: 5 },
    },
  ],
}
let place: Place
let gateway: TestGateway

beforeAll(async () => {
  place = makePlace(file)
  gateway = await startGateway(database(), file)
})
afterAll(async () => {
  await gateway?.close()
  place?.remove()
})

test('lists them in the order they are asked, without health where no gateway answers', async () => {
  const { code, stdout, stderr } = await place.run('connections list')
  const [head, ...rows] = stdout.trimEnd().split('\n')
  expect(head).toMatch(/^ID +PROVIDER +STATUS +PRIO +WEIGHT +HEALTH +LIMITS +MODELS$/)
  expect(rows.map((row) => row.split(' ')[0]).slice(0, 3)).toEqual(['first', 'second', 'sandbox'])
  expect(rows[0]).toMatch(
    /^first +compatible +active +10 +1 +— +1,500 rpm, 5 concurrency +fast→gpt-4o-mini, a→b, c→d \+1$/,
  )
  expect(rows[1]).toMatch(/^second +openai +draining +20 +1 +— +— +gpt-\*$/)
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'No gateway answers here, so health is not known.\n' })
})

test('has their health from the gateway that answers, by option or by TOLLGATE_URL', async () => {
  const asked = await place.run('connections list --json', { TOLLGATE_URL: gateway.url })
  const { gateway: answered, connections } = JSON.parse(asked.stdout)
  expect(answered).toMatchObject({ address: gateway.url })
  expect(connections[0]).toEqual({
    id: 'first',
    provider: 'compatible',
    base_url: 'https://models.example/v1',
    status: 'active',
    priority: 10,
    weight: 1,
    models: [
      { pattern: 'fast', upstream: 'gpt-4o-mini' },
      { pattern: 'a', upstream: 'b' },
      { pattern: 'c', upstream: 'd' },
      { pattern: 'e', upstream: 'f' },
    ],
    limits: { rpm: 1500, concurrency: 5 },
    source: 'file',
    health: { available: true, reason: null, retry_after_ms: null },
  })
  expect(asked.stdout).not.toContain('sk-upstream')
})

test('says how long a connection rests, and why', async () => {
  const health = {
    status: 'ok',
    version: '9.9.9',
    connections: [{ id: 'first', available: false, reason: 'limit', retryAfterMs: 12_000 }],
  }
  const server = createServer((_, response) => response.end(JSON.stringify(health)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const { stdout } = await place.run(`connections list --url http://127.0.0.1:${port}`)
    expect(stdout).toMatch(/^first .* ■ rests 12 s: limit /m)
  } finally {
    server.close()
  }
})

test('shows one provider alone; a provider, or a gateway that was named, that is not there is a failure', async () => {
  const away = 'connections list --url http://127.0.0.1:1'
  const lines = ['connections list --provider openai --json', 'connections list --provider nobody', away]
  const [one, unknown, silent, healthy] = await place.runAll([...lines, `connections list --url ${gateway.url}/`])
  expect(healthy?.stdout).toMatch(/^first .* ● available /m)
  expect(JSON.parse(one?.stdout ?? '').connections.map(({ id }: { id: string }) => id)).toEqual(['second'])
  expect(unknown?.stderr).toContain('there is no provider "nobody"\n  there are: ')
  expect(unknown?.code).toBe(3)
  expect(silent?.stderr).toContain('error: no gateway answers at http://127.0.0.1:1\n')
  expect(silent).toMatchObject({ code: 5, stdout: '' })
})
