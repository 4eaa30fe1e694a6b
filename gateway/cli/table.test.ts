import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { growingTable, table } from './table.ts'

const plain = (text: string): readonly string[] => stripVTControlCharacters(text).split('\n')

test('columns are as wide as their widest cell, numbers stand right, and no line ends in spaces', () => {
  const columns = [{ head: 'ID' }, { head: 'N', align: 'right' }, { head: 'LAST' }] as const
  const rows = [
    ['a', '1', ''],
    [{ text: 'longer', style: 'green' }, '12', 'x'],
  ] as const
  expect(plain(table(columns, rows))).toEqual(['ID       N  LAST', 'a        1', 'longer  12  x'])
})

test('what is too long is cut, and what a terminal would obey is shown instead', () => {
  const [, row] = plain(table([{ head: 'ID', widthMax: 6 }, { head: 'B' }], [['abcdefgh', '\u001b[2J\n\u202e']]))
  expect(row).toBe('abcde…  \ufffd[2J\ufffd\ufffd')
})

test('rows that come later stand under the first ones, without the heads again', () => {
  const lines = growingTable([{ head: 'ID', widthMin: 4 }, { head: 'B' }])
  expect(plain(lines([['a', 'b']]))).toEqual(['ID    B', 'a     b'])
  expect(plain(lines([['longer', 'b']]))).toEqual(['longer  b'])
  expect(plain(lines([['a', 'b']]))).toEqual(['a       b'])
})
