import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { version } from '../version.ts'
import { makePlace } from './command-line.fixture.ts'

const place = makePlace()
afterAll(() => place.remove())

describe('wrong use', () => {
  const told = {
    conections: 'tollgate has no command conections; did you mean "connections"?',
    'connections lst': 'tollgate connections has no command lst; did you mean "list"?',
    constructor: 'tollgate has no command constructor',
    connections: 'tollgate connections wants a command after it',
    'version now': 'tollgate version: it takes options alone, and there is a word beside them',
    'version -- now': 'tollgate version: it takes options alone, and there is a word beside them',
    'version --jsn': 'tollgate version: there is no option --jsn; did you mean "--json"?',
    'version --no-json': 'tollgate version: there is no option --no-json; did you mean "--json"?',
    'version -x': 'tollgate version: there is no option -x',
    'keys list --json=yes': 'tollgate keys list: --json takes no value',
    'usage tail --once --once': 'tollgate usage tail: --once is given twice',
    'usage tail --key': 'tollgate usage tail: --key wants a value',
    'usage tail --key --once': 'tollgate usage tail: --key wants a value',
    'usage tail --status fine':
      'tollgate usage tail: --status is one of error, complete, client_closed, truncated, cut, failed, orphan, refused, not "fine"',
    'usage tail -n 0': '--last wants a whole number, 1 to 10000, and got "0"',
    'connections list --url gateway': '"gateway" is no address of a gateway',
    'connections show': 'tollgate connections show: it wants <id>',
    'connections show one two':
      'tollgate connections show: it takes one word beside its options, and there is one more',
    'connections add --name x': 'tollgate connections add: it wants --provider',
    'connections list --health fine':
      'tollgate connections list: --health is one of healthy, degraded, warning, critical, not "fine"',
    'monitor --watch soon': '--watch wants whole seconds, as in 5s, and got "soon"',
  }

  test('is refused, and told what is wrong', async () => {
    const said = await place.runAll(Object.keys(told))
    const lines = said.map(({ code, stdout, stderr }) => ({ code, stdout, told: stderr.split('\n')[0] }))
    expect(lines).toEqual(Object.values(told).map((what) => ({ code: 2, stdout: '', told: `error: ${what}` })))
  })

  test('ends the process with 2, and says where there is help', async () => {
    const { code, stdout, stderr } = await place.run('nonsense')
    expect(stderr).toBe('error: tollgate has no command nonsense\n  tollgate --help lists them\n')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })

  test('is a problem on stdout for a script that asked for JSON', async () => {
    const { code, stdout, stderr } = await place.run('version --al --json')
    expect(JSON.parse(stdout)).toEqual({
      type: 'about:blank',
      title: 'tollgate version: there is no option --al',
      fix: 'tollgate version --help lists what it takes',
      exit_code: 2,
    })
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' })
  })
})

describe('help', () => {
  const first = ['', 'serve', 'quickstart', 'connections', 'monitor', 'health']
  const nouns = [...first, 'keys', 'usage', 'prices', 'bi', 'verify', 'doctor', 'migrate', 'config', 'version']
  const changes = ['add', 'enable', 'disable', 'drain', 'rotate-key', 'rm']
  const verbs = [
    ...['list', 'show', 'test', 'monitor', ...changes].map((verb) => `connections ${verb}`),
    ...['keys list', 'usage tail', 'usage recalculate', 'config validate', 'config print', 'config schema'],
    ...['show', 'set', 'withdraw', 'overrides', 'drift'].map((verb) => `prices ${verb}`),
  ]

  test('says at each level what a command does, and has two examples', async () => {
    const lines = [...nouns, ...verbs]
    const said = await place.runAll(lines.map((line) => `${line} --help`))
    for (const [i, { code, stdout, stderr }] of said.entries()) {
      const path = `tollgate ${lines[i]}`.trim()
      expect(stdout).toMatch(
        new RegExp(`^\\w.+\\n\\nUsage: ${path}( <command>| <id>| \\[<(id…|model)>\\])? \\[options\\]\\n`),
      )
      expect(/\nExamples\n((?: {2}.*\btollgate\b.*\n)+)/.exec(stdout)?.[1]?.trim().split('\n')).toHaveLength(2)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    }
    expect(said).toHaveLength(lines.length)
    const [root] = said
    expect(root?.stdout.match(/^ {2}\w+(?= {2,}[A-Z])/gm)?.map((name) => name.trim())).toEqual(nouns.slice(1))
  })

  test('is the same before and after the command, and lists every option with what it means', async () => {
    const [before, after] = await place.runAll(['help usage tail', 'usage tail -h'])
    expect(before).toEqual(after)
    for (const option of ['--key <id>', '--status <status>', '-n, --last <count>', '--once', '--jsonl'])
      expect(after?.stdout).toMatch(new RegExp(`\\n  ${option} +\\w+`))
  })
})

describe('the version', () => {
  test('stands alone on stdout, by either name', async () => {
    expect(await place.run('version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    expect(await place.run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  test('is a document for a script', async () => {
    const { stdout } = await place.run('version --json')
    expect(JSON.parse(stdout)).toEqual({ version, node: process.versions.node })
  })
})

describe('tollgate alone', () => {
  test('says how things stand, and the three next commands', async () => {
    const [said, asked] = await place.runAll(['', '--json'])
    expect(said?.stdout).toContain(`Tollgate ${version}\n`)
    expect(said?.stdout).toContain('○ does not run here')
    expect(said?.stdout).toContain(place.dataDir)
    expect(said?.stdout.match(/^ {2}tollgate \w+/gm)).toHaveLength(3)
    expect(said).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(asked?.stdout ?? '')).toEqual({
      version,
      gateway: null,
      configuration: { file: null, problems: 0 },
      data_dir: place.dataDir,
      database: 'embedded',
    })
  })

  test('points at a configuration that cannot be used', async () => {
    const { code, stdout } = await place.run('', { PORT: 'http' })
    expect(stdout).toContain('1 mistake: tollgate config validate')
    expect(code).toBe(0)
  })
})

describe('colour', () => {
  test('is for terminals: not in a pipe, not with --no-color, never in JSON', async () => {
    const force = { FORCE_COLOR: '1' }
    const colourful = await place.run('version --help', force)
    expect(stripVTControlCharacters(colourful.stdout)).not.toBe(colourful.stdout)
    const plain = await Promise.all([
      place.run('version --help'),
      place.run('version --help --no-color', force),
      place.run('nonsense --no-color', force),
      place.run('version --json', force),
    ])
    for (const { stdout, stderr } of plain) {
      expect(stripVTControlCharacters(stdout)).toBe(stdout)
      expect(stripVTControlCharacters(stderr)).toBe(stderr)
    }
  })

  test.skipIf(!existsSync('/usr/bin/script'))('is there in a terminal, and gone with NO_COLOR', async () => {
    const inTerminal = async (env: Readonly<Record<string, string>>) => {
      const command = `${process.execPath} ${join(import.meta.dirname, 'main.ts')} version --help`
      const options = { env: { PATH: process.env['PATH'], TERM: 'xterm', ...env } }
      const { stdout } = await promisify(execFile)('/usr/bin/script', ['-qec', command, '/dev/null'], options)
      return stdout
    }
    expect(await inTerminal({})).toContain('\u001b[1mUsage:')
    expect(await inTerminal({ NO_COLOR: '1' })).toContain('\nUsage:')
  })
})
