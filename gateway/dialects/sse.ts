/**
 * Server-sent events by bytes (WHATWG HTML §9.2.6). An event ends at a blank line; lines end with LF, CRLF or CR.
 * Nothing is decoded to find them.
 */

const lf = 0x0a
const cr = 0x0d

/** Where the event that starts at `from` ends (just behind its blank line), or -1 where it has not ended yet. */
export function eventEnd(bytes: Buffer, from: number): number {
  // Most chunks end with an event, and nothing is dear to search for as well.
  if (from === bytes.length) return -1
  let at = from
  for (;;) {
    const newline = bytes.indexOf(lf, at)
    if (newline < 0) return blankByCr(bytes, at)
    const next = bytes[newline + 1]
    if (next === lf) return newline + 2
    if (next === cr) {
      // At the very end it may be half of a CRLF, whose LF must not be taken for the next event's.
      if (newline + 2 === bytes.length) return -1
      return bytes[newline + 2] === lf ? newline + 3 : newline + 2
    }
    at = newline + 1
  }
}

/** For the streams that frame by CR alone: they hold no LF at all. */
function blankByCr(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(cr, from); at >= 0; at = bytes.indexOf(cr, at + 1)) {
    if (bytes[at + 1] === cr) return at + 2
  }
  return -1
}

export interface ServerEvent {
  /** The `event:` field; empty where there is none. */
  readonly name: string
  /** The `data:` lines, joined; `undefined` where there is none (a comment, a lone `event:`). */
  readonly data: string | undefined
}

/** Reads one event's text. Fields other than `event` and `data` tell the meter nothing. */
export function readEvent(text: string): ServerEvent {
  // Nearly all are one line of data.
  if (text.startsWith('data:') && text.indexOf('\n') === text.length - 2 && text.endsWith('\n') && !text.includes('\r'))
    return { name: '', data: text.slice(text.charCodeAt(5) === 0x20 ? 6 : 5, -2) }
  let name = ''
  let data: string | undefined
  for (const line of text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)) {
    if (line.startsWith('data:')) {
      const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5)
      data = data === undefined ? value : `${data}\n${value}`
    } else if (line.startsWith('event:')) {
      name = line.slice(line.charCodeAt(6) === 0x20 ? 7 : 6)
    }
  }
  return { name, data }
}
