import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileWatch } from './file-watch.ts'
import { digestOf } from './read-file.ts'

let folder = ''
let path = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-watch-'))
  path = join(folder, 'tollgate.yaml')
})
afterEach(() => rmSync(folder, { recursive: true }))

const digest = (text: string) => digestOf(Buffer.from(text))

/** As many looks as there are to be, and how many of them saw something new. */
async function looks(watch: FileWatch, times = 4): Promise<number> {
  let news = 0
  for (let i = 0; i < times; i++) if (await watch.changed()) news++
  return news
}

function watching(text: string): FileWatch {
  writeFileSync(path, text)
  return new FileWatch(path, digest(text))
}

test('what was read already is no news, and neither is a file that was only touched', async () => {
  const watch = watching('a')
  expect(await looks(watch)).toBe(0)
  utimesSync(path, 1, 1)
  chmodSync(path, 0o600)
  writeFileSync(path, 'a')
  expect(await looks(watch)).toBe(0)
})

test('what was changed between its reading and the first look is news', async () => {
  writeFileSync(path, 'b')
  expect(await looks(new FileWatch(path, digest('a')))).toBe(1)
})

test.each<readonly [string, (text: string) => void]>([
  ['written in place', (text) => writeFileSync(path, text)],
  [
    'renamed over',
    (text) => {
      writeFileSync(`${path}.new`, text)
      renameSync(`${path}.new`, path)
    },
  ],
  [
    'moved away and written anew',
    (text) => {
      renameSync(path, `${path}~`)
      writeFileSync(path, text)
    },
  ],
])('a file is news once when it was %s', async (_, write) => {
  const watch = watching('a')
  for (const text of ['b', 'c', 'a']) {
    write(text)
    expect(await looks(watch)).toBe(1)
    expect(await looks(watch)).toBe(0)
  }
})

test('a symbolic link that is turned is news, as Kubernetes does it: two links, the outer one the same', async () => {
  const version = (name: string, text: string) => {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'tollgate.yaml'), text)
    symlinkSync(name, join(folder, '..data.new'))
    renameSync(join(folder, '..data.new'), join(folder, '..data'))
  }
  version('..one', 'a')
  symlinkSync('..data/tollgate.yaml', path)
  const watch = new FileWatch(path, digest('a'))
  expect(await looks(watch)).toBe(0)
  version('..two', 'b')
  rmSync(join(folder, '..one'), { recursive: true })
  expect(await looks(watch)).toBe(1)
})

test('a file that is being written is no news until it stays as it is', async () => {
  const watch = watching('a')
  truncateSync(path)
  expect(await looks(watch, 1)).toBe(0)
  for (const part of ['k', 'ke', 'key', 'keys']) {
    writeFileSync(path, part)
    expect(await looks(watch, 1)).toBe(0)
  }
  expect(await looks(watch)).toBe(1)
})

test('a file that goes is news, and so is its return; one that comes and goes between looks is none', async () => {
  const watch = watching('a')
  rmSync(path)
  expect(await looks(watch)).toBe(1)
  expect(await looks(watch)).toBe(0)
  writeFileSync(path, 'a')
  expect(await looks(watch)).toBe(1)
  rmSync(path)
  expect(await looks(watch, 1)).toBe(0)
  writeFileSync(path, 'a')
  expect(await looks(watch)).toBe(0)
})

test('a file that was never there is no news until it comes', async () => {
  const watch = new FileWatch(path, undefined)
  expect(await looks(watch)).toBe(0)
  writeFileSync(path, 'a')
  expect(await looks(watch)).toBe(1)
})

test('what is no file is news, and not read', async () => {
  const watch = watching('a')
  rmSync(path)
  mkdirSync(path)
  expect(await looks(watch)).toBe(1)
  expect(await looks(watch)).toBe(0)
})
