import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const asks = `${process.execPath} ${join(import.meta.dirname, 'prompt.child.ts')}`
// Util-linux's, which makes a terminal.
const script = 'script'
const makesTerminals = spawnSync(script, ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0

/** Types this when the question is there. Returns what was shown, and what the process ended with. */
async function typing(keys: string) {
  const child = spawn(script, ['-qec', asks, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'], timeout: 20_000 })
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = shown
    shown += text
    if (shown.includes('[y/N]') && !before.includes('[y/N]')) child.stdin.write(keys)
  })
  const [code] = await once(child, 'close')
  return { code, shown }
}

test.skipIf(!makesTerminals).each([
  ['y\r', 0, 'said true'],
  ['Yes\r', 0, 'said true'],
  ['\r', 0, 'said false'],
  ['yesterday\r', 0, 'said false'],
  // Ctrl-D on an empty line.
  ['\u0004', 0, 'said false'],
])('a question is answered by %j with exit code %d', { timeout: 30_000 }, async (keys, code, said) => {
  const ended = await typing(keys)
  expect(ended.shown).toContain(said)
  expect(ended.code).toBe(code)
})

test.skipIf(!makesTerminals)('Ctrl-C at a question ends the command as interrupted', { timeout: 30_000 }, async () => {
  const { code, shown } = await typing('\u0003')
  expect(code).toBe(130)
  expect(shown).not.toMatch(/error|said/)
})
