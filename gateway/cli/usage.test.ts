import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../e2e/database.ts'
import { secret, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { externalDatabase, makePlace, type Place } from './command-line.fixture.ts'

const database = testDatabase()
let place: Place
let gateway: TestGateway

beforeAll(async () => {
  place = makePlace({ keys: [{ id: 'dev', secret }] }, externalDatabase(database().address))
  gateway = await startGateway(database(), {
    keys: [
      { id: 'dev', secret, allow_client_identity: true },
      { id: 'other', secret: `${secret}-other` },
    ],
  })
  await call('sandbox/echo')
  await call('sandbox/error-500')
  await call('sandbox/echo', { authorization: `Bearer ${secret}-other` })
  // The newest second is left out, since its writers may not all be done.
  await new Promise((resolve) => setTimeout(resolve, 1_200))
})
afterAll(async () => {
  await gateway?.close()
  place?.remove()
})

async function call(model: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }] }),
  })
  await answer.text()
  await gateway.rowsOf(answer)
}

const models = (text: string | undefined): readonly string[] => text?.match(/sandbox\/[\w-]+/g) ?? []

test('tail --once shows the last rows, oldest first, and filters them', async () => {
  const filters = ['', '-n 1', '--key other', '--status error', '--status failed --key dev', '--jsonl']
  const said = await place.runAll(filters.map((filter) => `usage tail --once ${filter}`))
  const [all = '', one, other, error, failed, lines = ''] = said.map(({ stdout }) => stdout)
  expect(all).toMatch(/^TIME UTC +KEY +USER +MODEL +CONNECTION +STATUS +IN +OUT +CHARGE +TOOK +ERROR\n/)
  expect(all).toMatch(/^[\d:]{8} +dev +— +sandbox\/echo +sandbox +complete +\d+ +\d+ +\$0\.0\d+ +[\d.]+ m?s$/m)
  expect([all, one, other, error].map(models)).toEqual([
    ['sandbox/echo', 'sandbox/error-500', 'sandbox/echo'],
    ['sandbox/echo'],
    ['sandbox/echo'],
    ['sandbox/error-500'],
  ])
  expect(failed).toBe(error)
  expect(said.map(({ code, stderr }) => `${code}${stderr}`)).toEqual(filters.map(() => '0'))

  // Money as text, and null for what is unknown.
  const rows = lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(rows).toHaveLength(3)
  expect(rows[0]).toMatchObject({
    request_id: expect.stringMatching(/^req_\w{26}$/),
    key: 'dev',
    user: null,
    model: 'sandbox/echo',
    status: 'complete',
    success: true,
    http_status: 200,
    error_code: null,
    charge_usd: expect.stringMatching(/^0\.\d+$/),
  })
  expect(rows[1]).toMatchObject({ model: 'sandbox/error-500', success: false, http_status: 500, input_tokens: null })
})

test('tail follows until Ctrl-C: rows come once, and in their columns', async () => {
  const tail = place.start('usage tail -n 1')
  await tail.until('sandbox/echo')
  await call('sandbox/fast')
  await tail.until('sandbox/fast')
  const { code, stdout, stderr } = await tail.interrupt()
  expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
  expect(models(stdout)).toEqual(['sandbox/echo', 'sandbox/fast'])
  const [head, ...rows] = stdout.trimEnd().split('\n')
  expect(rows.map((row) => row.indexOf('sandbox/'))).toEqual([head?.indexOf('MODEL'), head?.indexOf('MODEL')])
})

test('tail ends by itself when nobody reads it any more', async () => {
  const tail = place.start('usage tail -n 1')
  await tail.until('sandbox/')
  tail.hangUp()
  await call('sandbox/fast')
  expect(await tail.ended()).toMatchObject({ code: 0, stderr: '' })
})

test('tail of a key that was never there is not found', async () => {
  const { code, stdout, stderr } = await place.run('usage tail --key nobody')
  expect(stderr).toContain('error: there is no key "nobody"')
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
})

test('a client cannot write to the terminal through a row', async () => {
  await call('sandbox/\u001b[2Jecho\u009b31m\u202e')
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  const { stdout } = await place.run('usage tail --once -n 1')
  expect(stdout).toContain('sandbox/\ufffd[2Jecho\ufffd31m\ufffd')
})
