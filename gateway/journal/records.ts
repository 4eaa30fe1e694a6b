import { crc32 } from 'node:zlib'
import type { Uuid } from '../domain/id.ts'
import type { Reading } from '../domain/usage.ts'
import type { RowText, UsageRow } from '../domain/usage-row.ts'

/**
 * A line of the journal: eight hex digits of the CRC-32 of all that follows up to the line's end, a space, the letter
 * of the kind, a space, JSON. JSON has no raw line break in it, so a line break always ends a record.
 */
export type JournalRecord =
  | { readonly kind: 'open'; readonly row: UsageRow }
  | { readonly kind: 'progress'; readonly step: Progress }
  | { readonly kind: 'row'; readonly row: RowText }
  /** A late copy of a row that could not be written in its time, for whoever reads after the death of its process. */
  | { readonly kind: 'kept'; readonly row: RowText }
  /** An attempt whose open is written, and which was refused all the same: it was never sent. */
  | { readonly kind: 'unsent'; readonly id: Uuid }

/** How far an attempt has come: a reading without the words that were said, which do not belong on disk. */
export interface Progress extends Pick<Reading, 'usage' | 'source' | 'raw'> {
  readonly id: Uuid
}

/** The letters of the kinds, as bytes. */
export const letters = { open: 0x6f, progress: 0x70, row: 0x72, kept: 0x6b, unsent: 0x75 } as const satisfies Record<
  JournalRecord['kind'],
  number
>

const space = 0x20
const lineFeed = 0x0a
const headerBytes = 11
const hexDigits = Buffer.from('0123456789abcdef')

/** Room that a record of this JSON may need at most. */
export function bytesMax(json: string): number {
  return headerBytes + 3 * json.length + 1
}

/** Writes one line into `into` at `at`, where there is room for it, and returns where it ends. */
export function encode(letter: number, json: string, into: Buffer, at: number): number {
  into[at + 8] = space
  into[at + 9] = letter
  into[at + 10] = space
  const end = at + headerBytes + into.write(json, at + headerBytes, 'utf8')
  const checksum = crc32(into.subarray(at + 9, end))
  for (let digit = 0; digit < 8; digit++) into[at + digit] = hexDigits[(checksum >>> (28 - 4 * digit)) & 15] ?? 0
  into[end] = lineFeed
  return end + 1
}

/** What a stretch of a segment held: its whole records, and how many pieces were none. */
export interface Decoded {
  readonly records: readonly JournalRecord[]
  readonly torn: number
}

/** Reads lines. The last may lack its line break: if the checksum holds, nothing else is missing. */
export function decode(bytes: Buffer): Decoded {
  const records: JournalRecord[] = []
  let torn = 0
  let start = 0
  while (start < bytes.length) {
    const lineEnd = bytes.indexOf(lineFeed, start)
    const end = lineEnd < 0 ? bytes.length : lineEnd
    const line = bytes.subarray(start, end)
    const record = decodeLine(line)
    if (record) {
      records.push(record)
    } else {
      const saved = salvage(line)
      records.push(...saved.records)
      torn += saved.torn
    }
    start = end + 1
  }
  return { records, torn }
}

/**
 * A line that is no record may hold whole ones: where a line break was lost, or where a write broke off and the next
 * went on behind it. Cut at everything that looks like the start of a record; the checksums tell which are.
 */
function salvage(line: Buffer): Decoded {
  const starts = [...line.toString('latin1').matchAll(/[0-9a-f]{8} [kopru] \{/g)].map((match) => match.index)
  if (starts[0] !== 0) starts.unshift(0)
  const records: JournalRecord[] = []
  let torn = 0
  starts.forEach((start, index) => {
    const piece = line.subarray(start, starts[index + 1])
    // The byte before the next record may be what became of a line break.
    const record = decodeLine(piece) ?? decodeLine(piece.subarray(0, -1))
    if (record) records.push(record)
    else torn++
  })
  return { records, torn }
}

function decodeLine(line: Buffer): JournalRecord | undefined {
  if (line.length <= headerBytes || line[8] !== space || line[10] !== space) return undefined
  const stated = Number.parseInt(line.toString('latin1', 0, 8), 16)
  if (stated !== crc32(line.subarray(9))) return undefined
  return parse(line[9], line.toString('utf8', headerBytes))
}

function parse(letter: number | undefined, json: string): JournalRecord | undefined {
  let value: { readonly id?: unknown }
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof value?.id !== 'string') return undefined
  // The checksum says that these are the bytes we wrote, and we wrote a row, a step or an id.
  if (letter === letters.row || letter === letters.kept) {
    const { id, revision } = value as UsageRow
    return { kind: letter === letters.row ? 'row' : 'kept', row: { id, revision, json } }
  }
  if (letter === letters.open) return { kind: 'open', row: value as UsageRow }
  if (letter === letters.progress) return { kind: 'progress', step: value as Progress }
  if (letter === letters.unsent) return { kind: 'unsent', id: value.id }
  return undefined
}
