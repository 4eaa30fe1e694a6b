import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadConfig } from './config.ts'
import { providers } from './providers/index.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const readme = await readFile(join(root, 'README.md'), 'utf8')
const addressInReadme = 'http://127.0.0.1:8080'

let folder: string
let gateway: ChildProcess
let started: string
let address: string
let key: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tollgate-readme-'))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const env = { PATH: process.env['PATH'], PORT: '0', TOLLGATE_DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'warn' }
  gateway = spawn(process.execPath, [join(root, 'gateway/main.ts')], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started = await firstText(gateway)
  address = /http:\/\/127\.0\.0\.1:\d+/.exec(started)?.[0] ?? ''
  key = /sk-tg-\S+/.exec(started)?.[0] ?? ''
})

afterAll(async () => {
  if (gateway.exitCode === null && gateway.kill('SIGTERM')) await once(gateway, 'exit')
  await rm(folder, { recursive: true, force: true })
})

test('the first start says what the README shows', () => {
  const [shown] = blocks('').filter((block) => block.startsWith('Tollgate '))
  const varying = (said: string): string =>
    said
      .replaceAll(/sk-tg-[\w-]+…?/g, 'KEY')
      .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS')
      .replace(/\([\d.]+ s\)/, 'TIME')
  expect(shown).toBeDefined()
  expect(varying(started)).toContain(varying(shown ?? 'nothing'))
})

test('the call it prints streams an answer to its end', async () => {
  const call = /^ *curl -N (?:.*\\\n)*.*$/m.exec(started)?.[0] ?? ''
  const { stdout } = await run('bash', ['-c', call])
  expect(stdout).toContain('data: [DONE]')
})

test.each(blocks('ts').map((code) => [/from '(.+)'/.exec(code)?.[1], code] as const))(
  'the example with %s is answered',
  async (_, code) => {
    const file = join(folder, `example-${code.length}.ts`)
    await writeFile(file, code.replaceAll(addressInReadme, address))
    const { stdout } = await run(process.execPath, [file], { env: { ...process.env, OPENAI_API_KEY: key } })
    expect(stdout).toContain('hello')
  },
)

test('the configuration file is accepted', async () => {
  const [file] = blocks('yaml')
  await writeFile(join(folder, 'tollgate.yaml'), file ?? '')
  const env = { OPENAI_API_KEY: 'sk-upstream', DEV_KEY: 'sk-a-key-of-18-letters' }
  const { declared } = loadConfig({ env, cwd: folder, providers })
  expect(declared.connections.map(({ id }) => id)).toEqual(['openai-main', 'local'])
  expect(declared.keys.map(({ id }) => id)).toEqual(['dev'])
})

/** The README's code in this language. */
function blocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, named]) => named === language)
    .map(([, , code]) => code ?? '')
}

/** What it says at its start; the call that tells what was used is the last of it. */
function firstText(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code} instead of starting: ${said}`)))
    child.stdout?.on('data', (chunk) => {
      said += String(chunk)
      if (/\/v1\/me\/usage.*\n/.test(said)) resolve(said)
    })
  })
}
