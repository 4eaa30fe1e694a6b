import { lstatSync, mkdtempSync, readlinkSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { externalDatabase, makePlace, type Place, type Running } from '../cli/command-line.fixture.ts'
import { uuidOf } from '../domain/id.ts'
import type { UsageRow } from '../domain/usage-row.ts'
import { testDatabase } from '../e2e/database.ts'
import { completion, sendJson, startUpstream, type Upstream } from '../e2e/upstream.ts'

const database = testDatabase()
const apiKey = 'sk-upstream-0123456789abcdef'
const secret = 'dev-secret-of-eighteen-or-more'
let upstream: Upstream
let place: Place
let gateway: Running

beforeAll(async () => {
  upstream = await startUpstream((_, response) => sendJson(response, 200, completion('Hi')))
  const local = { provider: 'compatible', base_url: upstream.url, allow_private_network: true, api_key: apiKey }
  place = makePlace(
    {
      keys: [{ id: 'dev', secret }],
      connections: [
        { id: 'local', ...local, models: ['gpt-4o-mini'], limits: { rpm: 60 }, priority: 1 },
        { id: 'patterns', ...local, models: ['gpt-*'] },
        { id: 'off', provider: 'sandbox', status: 'inactive', models: ['sandbox/echo'] },
        { id: 'refused', provider: 'sandbox', models: { 'gpt-4': 'sandbox/error-401' } },
        { id: 'missing', provider: 'sandbox', models: { 'gpt-4': 'sandbox/none' } },
        { id: 'embedding', provider: 'sandbox', models: ['sandbox/embed'] },
        { id: 'silent', provider: 'compatible', base_url: 'https://127.0.0.1:1/v1', models: ['gpt-4'] },
      ],
    },
    externalDatabase(database().address),
  )
  gateway = place.start('serve')
  await gateway.until('is ready at')
})
afterAll(async () => {
  await gateway?.interrupt()
  await upstream?.close()
  place?.remove()
})

interface Answer {
  readonly status: number
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: what a client of the API sees has no types.
  readonly body: any
}

function ask(method: string, path: string, body?: string, dataDir = place.dataDir): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socketPath = realpathSync(join(dataDir, 'control.sock'))
    const asked = request({ socketPath, method, path }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          type: String(response.headers['content-type']),
          body: JSON.parse(text),
        })
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

async function rowOf(requestId: string): Promise<UsageRow> {
  const call = uuidOf('req', requestId) ?? ''
  for (let waited = 0; waited < 5_000; waited += 50) {
    const [found] = await database().database.sql<{ row: UsageRow }[]>`
      SELECT to_jsonb(usage) AS row FROM tollgate.usage WHERE call_id = ${call} AND revision = 2 AND status <> 'orphan'`
    if (found) return found.row
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`no row of ${requestId}`)
}

const tested = async (id: string, body?: string) => (await ask('POST', `/admin/v1/connections/${id}/test`, body)).body

const startsMs = 60_000

describe('the control socket', () => {
  test("is its owner's alone, and no port serves what it does", async () => {
    const socket = lstatSync(join(place.dataDir, 'control.sock'))
    expect(socket.isSocket()).toBe(true)
    expect(socket.mode & 0o777).toBe(0o600)
    expect(statSync(place.dataDir).mode & 0o777).toBe(0o700)
    const [, address = ''] = /is ready at (\S+)/.exec(await gateway.until('is ready')) ?? []
    expect((await fetch(`${address}/admin/v1/connections`)).status).toBe(404)
  })

  test('says what is wrong as a problem, with a code', async () => {
    const problems = [
      ['GET', '/admin/v1/nothing', 404, 'route_not_found'],
      ['GET', '/admin/v1/connections?provder=openai', 400, 'unknown_parameter'],
      ['GET', '/admin/v1/connections/nobody', 404, 'connection_not_found'],
      ['POST', '/admin/v1/connections/nobody/test', 404, 'connection_not_found'],
      ['POST', '/admin/v1/connections/patterns/test', 422, 'model_required'],
    ] as const
    for (const [method, path, status, code] of problems) {
      const answer = await ask(method, path)
      expect(answer).toMatchObject({ status, type: 'application/problem+json' })
      expect(answer.body).toMatchObject({ type: `/docs/errors#${code}`, status, code })
      expect(Object.keys(answer.body)).toEqual(['type', 'title', 'status', 'detail', 'code'])
    }
    const bodies = { '{': 'invalid_json', '[]': 'invalid_json', '{"modle":"x"}': 'invalid_request' }
    for (const [body, code] of Object.entries({ ...bodies, '{"model":1}': 'invalid_request' })) {
      expect((await ask('POST', '/admin/v1/connections/local/test', body)).body.code).toBe(code)
    }
    const long = await ask('POST', '/admin/v1/connections/local/test', JSON.stringify({ model: 'm'.repeat(20_000) }))
    expect(long).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
    const large = await ask('POST', '/admin/v1/connections/local/test', ' '.repeat(70_000))
    expect(large.body.code).toBe('request_too_large')
  })

  test('lies elsewhere where the data directory is deeper than a socket may be, and is found through a link', {
    timeout: startsMs,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-deep-'))
    const deep = join(folder, 'd'.repeat(120))
    const other = makePlace(undefined, { ...externalDatabase(database().address), TOLLGATE_DATA_DIR: deep })
    try {
      const running = other.start('serve')
      await running.until('is ready at')
      expect(lstatSync(join(deep, 'control.sock')).isSymbolicLink()).toBe(true)
      expect((await ask('GET', '/admin/v1/connections/sandbox', undefined, deep)).body.id).toBe('sandbox')
      await running.interrupt()
      expect(lstatSync(join(deep, 'control.sock'), { throwIfNoEntry: false })).toBe(undefined)
      await other.start('serve').kill('is ready at')
      const left = dirname(readlinkSync(join(deep, 'control.sock')))
      expect(lstatSync(left).isDirectory()).toBe(true)
      const next = other.start('serve')
      await next.until('is ready at')
      expect(lstatSync(left, { throwIfNoEntry: false })).toBe(undefined)
      await next.interrupt()
    } finally {
      rmSync(folder, { recursive: true })
      other.remove()
    }
  })

  test('takes the place of one that a killed gateway left, and of nothing else', { timeout: startsMs }, async () => {
    const other = makePlace(undefined, externalDatabase(database().address))
    try {
      await other.start('serve').kill('is ready at')
      expect(lstatSync(join(other.dataDir, 'control.sock')).isSocket()).toBe(true)
      const second = other.start('serve')
      await second.until('is ready at')
      await second.interrupt()
      writeFileSync(join(other.dataDir, 'control.sock'), 'mine')
      const third = await other.run('serve')
      expect(third.stderr).toContain('control.sock is in the way')
      expect(third.code).toBe(1)
    } finally {
      other.remove()
    }
  })
})

describe('connections', () => {
  test('are told with their limits, health and source, and without their credentials', async () => {
    const { status, body } = await ask('GET', '/admin/v1/connections')
    expect(status).toBe(200)
    expect(body.next_cursor).toBe(null)
    expect(body.data.map(({ id }: { id: string }) => id)).toEqual(
      expect.arrayContaining(['local', 'off', 'sandbox', 'sandbox-faults']),
    )
    expect(JSON.stringify(body)).not.toContain(apiKey)
    const { body: local } = await ask('GET', '/admin/v1/connections/local')
    expect(local).toEqual(body.data[0])
    expect(local).toMatchObject({
      id: 'local',
      provider: 'compatible',
      status: 'active',
      priority: 1,
      key_hint: '…cdef',
      source: 'tollgate.yaml:5',
      managed_by: 'config',
      models: [{ pattern: 'gpt-4o-mini', upstream: null }],
      limits: [{ measure: 'requests', window_s: 60, max: 60, held: 0 }],
      health: { status: 'healthy', why: expect.any(String), rest: null },
    })
  })
})

describe('a test call [S0-17]', () => {
  test('is real, least, metered and marked', async () => {
    upstream.seen.length = 0
    const report = await tested('local')
    expect(report).toMatchObject({
      ok: true,
      connection: 'local',
      model: 'gpt-4o-mini',
      url: `${upstream.url}/chat/completions`,
      http_status: 200,
      input_tokens: 5,
      output_tokens: 2,
      error: null,
      hint: null,
    })
    expect(report.latency_ms).toBeGreaterThanOrEqual(0)
    expect(JSON.parse(upstream.seen[0]?.body.toString() ?? '')).toMatchObject({ max_tokens: 1, stream: true })
    const row = await rowOf(report.request_id)
    expect(row).toMatchObject({ key_id: 'self-test', request_type: 'test', connection_id: 'local', success: true })
    expect(row.cost_nano_usd).toBeGreaterThan(0)
    expect(Number(report.cost_usd) * 1e9).toBeCloseTo(row.cost_nano_usd ?? 0)
  })

  test('goes to a connection that is off, and asks for an embedding where that is what there is', async () => {
    expect(await tested('off')).toMatchObject({ ok: true, model: 'sandbox/echo', first_token_ms: expect.any(Number) })
    expect(await tested('embedding')).toMatchObject({ ok: true, endpoint: '/v1/embeddings', model: 'sandbox/embed' })
  })

  test('goes to the connection that rests, ends the rest when it goes well, and is no failure of it else', async () => {
    const health = async () => (await ask('GET', '/admin/v1/connections/local')).body.health
    upstream.answer = (_, response) => sendJson(response, 500, '{"error":{"message":"broken"}}')
    for (let i = 0; i < 5; i++) expect((await tested('local')).ok).toBe(false)
    expect(await health()).toMatchObject({ status: 'healthy', rest: null, errors_in_a_row: 0 })
    upstream.answer = (_, response) => sendJson(response, 401, `{"error":{"code":"bad","message":"not ${apiKey}"}}`)
    const refused = await tested('local')
    expect(refused.error).toEqual({ code: 'bad', message: 'not [redacted]' })
    expect(await health()).toMatchObject({ status: 'critical', rest: { reason: 'credential' } })
    expect((await ask('GET', '/admin/v1/connections/local')).body.status).toBe('error')
    upstream.answer = (_, response) => sendJson(response, 200, completion('Hi'))
    expect((await tested('local')).ok).toBe(true)
    expect(await health()).toMatchObject({ rest: null, credential_refused: false })
  })

  test('asks in another way where one token is too few', async () => {
    upstream.answer = ({ body }, response) => {
      const { max_tokens } = JSON.parse(body.toString())
      if (max_tokens === undefined) sendJson(response, 200, completion('Hi'))
      else sendJson(response, 400, '{"error":{"message":"Use max_completion_tokens","param":"max_tokens"}}')
    }
    upstream.seen.length = 0
    expect(await tested('patterns', '{"model":"gpt-5"}')).toMatchObject({ ok: true, requested_model: 'gpt-5' })
    expect(JSON.parse(upstream.seen[1]?.body.toString() ?? '')).toMatchObject({ max_completion_tokens: 16 })
  })

  test('takes the model that was answered lately where no name is written out', async () => {
    const row = await rowOf((await tested('patterns', '{"model":"gpt-5"}')).request_id)
    expect(row.requested_model).toBe('gpt-5')
    expect(await tested('patterns')).toMatchObject({ ok: true, requested_model: 'gpt-5' })
  })

  test('that fails says why, and what to do', async () => {
    const failures = {
      refused: [401, 'invalid_api_key', /^the provider refused the key: correct api_key at tollgate\.yaml:\d+$/],
      missing: [404, 'model_not_found', /--model/],
      silent: [null, 'connect_failed', undefined],
    } as const
    for (const [id, [status, code, hint]] of Object.entries(failures)) {
      const report = await tested(id)
      expect(report).toMatchObject({ ok: false, http_status: status, error: { code } })
      if (hint) expect(report.hint).toMatch(hint)
    }
    expect(await tested('local', '{"model":"other"}')).toMatchObject({
      ok: false,
      url: null,
      error: { code: 'model_not_found' },
      hint: 'local serves gpt-4o-mini: choose one of those with --model',
    })
  })
})
