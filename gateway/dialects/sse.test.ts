import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventEnd, readEvent, type ServerEvent } from './sse.ts'

/** All events of a stream that is there in whole, by our scanner. */
function scan(text: string): ServerEvent[] {
  const bytes = Buffer.from(text)
  const events: ServerEvent[] = []
  let at = 0
  for (let end = eventEnd(bytes, 0); end > 0; end = eventEnd(bytes, at)) {
    events.push(readEvent(bytes.toString('utf8', at, end)))
    at = end
  }
  return events.filter(({ data }) => data !== undefined)
}

/** The same by a library that follows the standard. */
function oracle(text: string): ServerEvent[] {
  const events: ServerEvent[] = []
  const parser = createParser({ onEvent: ({ event, data }) => events.push({ name: event ?? '', data }) })
  parser.feed(text)
  return events
}

describe('server-sent events', () => {
  test.each([
    ['LF', 'event: a\ndata: 1\n\ndata: 2\n\n'],
    ['CRLF', 'event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n'],
    ['CR', 'event: a\rdata: 1\r\rdata: 2\r\r'],
    ['comments and unknown fields', ': ping\n\nid: 7\nretry: 10\ndata: 1\n\n: x\ndata: 2\n\n'],
    ['several data lines', 'data: {"a":\ndata: 1}\n\n'],
    ['no space, and one space that belongs to the value', 'data:1\n\ndata:  2\n\n'],
    ['blank lines between', '\n\n\ndata: 1\n\n\n\ndata: 2\n\n'],
    ['a byte order mark', '\uFEFFdata: 1\n\n'],
    ['more than ASCII', 'data: žluťoučký 🐎\n\n'],
  ])('framed by %s are what the standard says', (_, text) => {
    expect(scan(text)).toEqual(oracle(text))
    expect(scan(text).length).toBeGreaterThan(0)
  })

  test('any mixture of lines is read as the standard reads it', () => {
    const line = fc.oneof(
      fc.constantFrom('', ':', ': ping', 'data', 'data:', 'id: 1', 'retry: 2'),
      fc
        .tuple(fc.constantFrom('data:', 'data: ', 'event: '), fc.string({ unit: 'grapheme' }))
        .map(([name, value]) => name + value.replace(/[\r\n\0]/g, '')),
    )
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom('\n', '\r\n', '\r'), (lines, ending) => {
        // An event without a data line is dispatched by nobody; `data` without a colon is an empty one by the standard.
        const text =
          lines
            .filter((each) => each !== 'data')
            .map((each) => each + ending)
            .join('') +
          ending +
          ending
        expect(scan(text)).toEqual(oracle(text))
      }),
      { numRuns: 3000 },
    )
  })

  test('end where they end, wherever a chunk is cut', () => {
    const bytes = Buffer.from('data: 1\r\n\r\ndata: 2\n\n')
    expect(eventEnd(bytes, 0)).toBe(11)
    expect(eventEnd(bytes, 11)).toBe(bytes.length)
    for (let at = 1; at < 10; at++) expect(eventEnd(bytes.subarray(0, at), 0)).toBe(-1)
  })
})
