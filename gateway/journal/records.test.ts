import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rowText } from '../domain/usage-row.ts'
import { bytesMax, decode, encode, letters } from './records.ts'
import { finalRow, openedRow } from './sample-row.fixture.ts'

function line(letter: number, value: unknown): Buffer {
  const json = JSON.stringify(value)
  const buffer = Buffer.alloc(bytesMax(json))
  return buffer.subarray(0, encode(letter, json, buffer, 0))
}

const rows = [finalRow(), { ...finalRow(), error_message: 'naïve 😀 \u0000 \ud800 "\n' }, finalRow()]
const lines = rows.map((row) => line(letters.row, row))
const whole = Buffer.concat(lines)

test('reads back what was written, whatever the text', () => {
  const step = { id: rows[0]?.id, usage: { output: 12 }, source: 'counted' }
  const opened = openedRow()
  const unsent = line(letters.unsent, { id: opened.id })
  const mixed = Buffer.concat([line(letters.open, opened), line(letters.progress, step), unsent, whole])
  expect(decode(mixed)).toEqual({
    records: [
      { kind: 'open', row: opened },
      { kind: 'progress', step },
      { kind: 'unsent', id: opened.id },
      ...rows.map((row) => ({ kind: 'row', row: rowText(row) })),
    ],
    torn: 0,
  })
})

test('recovers every whole record wherever the tail is torn off', () => {
  for (let length = 0; length <= whole.length; length++) {
    const { records, torn } = decode(whole.subarray(0, length))
    // A record without its line break is whole all the same.
    const ends = [1, 2, 3].map((count) => Buffer.concat(lines.slice(0, count)).length - 1)
    const expected = ends.filter((end) => end <= length).length
    const atBoundary = length === 0 || ends.includes(length) || ends.includes(length - 1)
    expect({ length, records: records.length, torn }).toEqual({ length, records: expected, torn: atBoundary ? 0 : 1 })
  }
})

test('loses one record at most to a flipped bit, the line break of another included', () => {
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = Buffer.from(whole)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const { records, torn } = decode(flipped)
    const found = records.map((record) => record.kind === 'row' && record.row.id)
    const kept = rows.filter(({ id }) => found.includes(id)).length
    const brokeLine = whole[bit >> 3] === 0x0a
    if (kept < (brokeLine ? 3 : 2) || (kept < 3 && torn === 0)) expect.fail(`bit ${bit}: ${kept} rows, ${torn} torn`)
  }
})

test('recovers the record that was written behind a torn one without a line break', () => {
  for (let length = 1; length < 60; length++) {
    const { records, torn } = decode(Buffer.concat([whole.subarray(0, length), ...lines.slice(1)]))
    expect({ length, found: records.length, torn }).toEqual({ length, found: 2, torn: 1 })
  }
})

test('takes any bytes without failing, and makes no record of them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(decode(Buffer.from(bytes)).records).toEqual([])
    }),
  )
})
