import { expect, test } from 'vitest'
import { MessageReader } from './message-reader.ts'

const messages = [
  'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nin b\r\n3;note=1\r\nits\r\n0\r\nx-trailer: 1\r\n\r\n',
  'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
].join('')

function reading(): { readonly reader: MessageReader; readonly seen: string[] } {
  const seen: string[] = []
  let body = ''
  const reader = new MessageReader({
    head: (text) => {
      body = text.slice(9, 12)
    },
    body: (bytes, start, end) => {
      body += ` ${bytes.toString('latin1', start, end)}`
    },
    end: () => seen.push(body.replaceAll(' ', '')),
  })
  return { reader, seen }
}

test('reads the same messages however the bytes are cut in two', () => {
  const bytes = Buffer.from(messages)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const { reader, seen } = reading()
    reader.write(bytes.subarray(0, cut))
    reader.write(bytes.subarray(cut))
    expect(seen, `cut at ${cut}`).toEqual(['200whole', '200inbits', '404'])
  }
})

test('reads the same messages byte by byte', () => {
  const { reader, seen } = reading()
  for (const byte of Buffer.from(messages)) reader.write(Buffer.of(byte))
  expect(seen).toEqual(['200whole', '200inbits', '404'])
})

test.each([
  ['a message without a length', 'HTTP/1.1 200 OK\r\n\r\n'],
  ['a chunk without a size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnone\r\n'],
  ['a head without an end', 'x'.repeat(70_000)],
])('refuses %s', (what, bytes) => {
  expect(() => reading().reader.write(Buffer.from(bytes))).toThrow(what)
})
