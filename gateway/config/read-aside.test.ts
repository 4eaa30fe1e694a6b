import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { readAside } from './read-aside.ts'

test('says what the thread failed of', async () => {
  const input = {
    env: {},
    cwd: tmpdir(),
    named: 'x'.repeat(5_000),
    timezone: 'UTC',
    dataDir: tmpdir(),
    before: false,
    providers: new Map(),
    builtIn: { connections: [], keys: [] },
  }
  await expect(readAside(input, new AbortController().signal)).rejects.toThrow('ENAMETOOLONG')
})
