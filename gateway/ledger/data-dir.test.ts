import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { systemClock } from '../domain/clock.ts'
import { claimDataDir, DataDirInUse, dataDirOwner } from './data-dir.ts'

const root = mkdtempSync(join(tmpdir(), 'tollgate-data-dir-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const other = `
  const { claimDataDir } = await import(${JSON.stringify(join(import.meta.dirname, 'data-dir.ts'))})
  const clock = { now: () => Date.now(), elapsed: () => performance.now() }
  claimDataDir(process.argv[1], clock).announce('http://127.0.0.1:8080')
  console.log('claimed')
  setInterval(() => {}, 1000)
`

test('a directory is made for its owner alone, and its parents for everyone', () => {
  const path = join(root, 'deep', 'down', 'data')
  const home = claimDataDir(path, systemClock)
  expect(home.path).toBe(path)
  expect(statSync(path).mode & 0o777).toBe(0o700)
  expect(statSync(join(root, 'deep')).mode & 0o055).not.toBe(0)
  home.release()
  expect(existsSync(join(path, 'gateway.json'))).toBe(false)
})

test('a directory that is there keeps the mode that its owner gave it', () => {
  const path = join(root, 'given')
  mkdirSync(path)
  chmodSync(path, 0o750)
  claimDataDir(path, systemClock).release()
  expect(statSync(path).mode & 0o777).toBe(0o750)
})

test('a second claim is refused in words that name pid and address, until the first owner is killed', async () => {
  const path = join(root, 'contended')
  const owner = spawn(process.execPath, ['--input-type=module', '-e', other, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(owner.stdout, 'data')
    expect(() => claimDataDir(path, systemClock)).toThrow(DataDirInUse)
    expect(() => claimDataDir(path, systemClock)).toThrow(
      `Another Tollgate (pid ${owner.pid}, http://127.0.0.1:8080) is using ${path}.`,
    )
    expect(dataDirOwner(path)).toMatchObject({ pid: owner.pid, address: 'http://127.0.0.1:8080' })
  } finally {
    owner.kill('SIGKILL')
    await once(owner, 'exit')
  }
  const home = claimDataDir(path, systemClock)
  expect(dataDirOwner(path)?.pid).toBe(process.pid)
  home.release()
})

test('a second claim in the same process is refused too, and does not cost the first its lock', async () => {
  const path = join(root, 'twice')
  const home = claimDataDir(path, systemClock)
  expect(() => claimDataDir(path, systemClock)).toThrow(`(pid ${process.pid}, starting up)`)
  const rival = spawn(process.execPath, ['--input-type=module', '-e', other, path], { stdio: 'ignore' })
  const [code] = await once(rival, 'exit')
  expect(code).toBe(1)
  home.release()
  home.release()
  claimDataDir(path, systemClock).release()
})

test('a path that cannot be a directory is refused with the variable to set', () => {
  writeFileSync(join(root, 'file'), '')
  expect(() => claimDataDir(join(root, 'file', 'data'), systemClock)).toThrow(
    /cannot be made \(\w+\)\. Set TOLLGATE_DATA_DIR/,
  )
  expect(() => claimDataDir(join(root, 'file'), systemClock)).toThrow(/TOLLGATE_DATA_DIR|cannot be used/)
})

test('what the last owner left behind, whole or torn, is not in the way', () => {
  const path = join(root, 'torn')
  mkdirSync(path)
  writeFileSync(join(path, 'gateway.json'), '{"pid": 1')
  expect(dataDirOwner(path)).toBeUndefined()
  const home = claimDataDir(path, systemClock)
  expect(dataDirOwner(path)?.pid).toBe(process.pid)
  home.release()
})
