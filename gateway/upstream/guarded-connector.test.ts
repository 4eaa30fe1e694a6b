import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Connection } from '../domain/connection.ts'
import { ForbiddenAddress, guardedConnector, isPublic } from './guarded-connector.ts'

let reached = 0
const trap = createServer((_, response) => {
  reached++
  response.end('trapped')
})
let port = 0

beforeAll(async () => {
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
  port = (trap.address() as AddressInfo).port
})
afterAll(() => void trap.close())

const connection = (allowPrivateNetwork: boolean): Connection => ({
  id: 'c',
  provider: 'compatible',
  baseUrl: 'http://x',
  apiKey: undefined,
  apiVersion: undefined,
  headers: {},
  retryAmbiguous: true,
  trackUsage: undefined,
  priority: 1,
  weight: 1,
  models: [],
  status: 'active',
  allowPrivateNetwork,
  onClientAbort: 'abort',
  timeouts: { connectMs: 2000, firstByteMs: 2000, firstTokenMs: 2000, idleMs: 2000, totalMs: 2000 },
})

async function reach(origin: string, allowed = false): Promise<string> {
  const pool = new Pool(origin, { connect: guardedConnector(connection(allowed)) })
  try {
    const { body } = await pool.request({ path: '/', method: 'GET' })
    return await body.text()
  } finally {
    await pool.destroy()
  }
}

describe('a connection’s address', () => {
  test.each([
    '127.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '0.0.0.0',
  ])('does not lead to this machine by the name of %s', async (host) => {
    const before = reached
    await expect(reach(`http://${host}:${port}`)).rejects.toThrow()
    expect(reached).toBe(before)
  })

  test('leads there where the connection is allowed to', async () => {
    expect(await reach(`http://127.0.0.1:${port}`, true)).toBe('trapped')
  })

  test('does not lead to the ports of other services', async () => {
    await expect(reach('http://192.0.2.1:25')).rejects.toThrow(ForbiddenAddress)
  })

  test.each([
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2001:db8::1',
    'nonsense',
  ])('%s is not public', (address) => {
    expect(isPublic(address)).toBe(false)
  })

  test.each(['1.1.1.1', '2606:4700::1111', '::ffff:1.1.1.1'])('%s is public', (address) => {
    expect(isPublic(address)).toBe(true)
  })
})
