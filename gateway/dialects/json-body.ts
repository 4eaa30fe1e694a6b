import { isAscii, isUtf8 } from 'node:buffer'
import type { JsonBody, Span } from '../domain/call.ts'
import { Fault } from '../domain/fault.ts'

/** Deeper nesting has no honest use here and costs every parser behind us. */
const depthMax = 64
/** So many values no honest request has; to parse them would hold up everybody else for seconds. */
const valuesMax = 1_000_000
const membersMax = 1_000

/**
 * Reads a request body that must be a JSON object, and finds where its top-level members stand, so that the client's
 * own bytes can be sent on. A name that occurs twice is refused: parsers differ on which one counts, so we might bill
 * one model while the provider runs another. The walk comes before the parser: it is what bounds the parser's work.
 */
export function readJsonBody(bytes: Buffer): JsonBody {
  if (bytes.length === 0) throw invalid('is empty; a JSON object was expected')
  if (!isUtf8(bytes)) throw invalid('is not valid UTF-8')
  // One char a byte: structure in JSON is ASCII, so positions in this string are positions in the bytes.
  const text = bytes.toString('latin1')
  const members = findMembers(text)
  let value: unknown
  try {
    value = JSON.parse(isAscii(bytes) ? text : bytes.toString())
  } catch (cause) {
    throw invalid(`is not valid JSON${placeIn(cause)}`, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('must be a JSON object')
  return { bytes, value: value as Record<string, unknown>, members }
}

function invalid(what: string, cause?: unknown): Fault {
  return new Fault('invalid_json', `The request body ${what}.`, { cause })
}

/** The parser quotes the input, which is somebody's prompt; where it stumbled is enough. */
function placeIn(cause: unknown): string {
  const at = cause instanceof Error ? /position (\d+)/.exec(cause.message) : null
  return at ? `: unexpected character at ${at[1]}` : ''
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c

/** Walks from quote to quote. What is no JSON it walks over somehow: that is for the parser to say. */
function findMembers(text: string): ReadonlyMap<string, Span> {
  const members = new Map<string, Span>()
  let depth = 0
  let values = 0
  let name: string | undefined
  let start = -1
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case quote: {
        const close = closingQuote(text, i)
        if (close < 0) return members
        if (depth === 1 && name === undefined) {
          name = nameIn(text, i, close)
          if (members.has(name)) {
            throw new Fault('invalid_json', 'The request body names a member twice.', { param: name.slice(0, 100) })
          }
          if (members.size > membersMax) throw invalid(`has more than ${membersMax} members`)
        }
        i = close
        break
      }
      case 0x3a: // :
        if (depth === 1 && start < 0) start = i + 1
        break
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > depthMax) throw invalid(`is nested deeper than ${depthMax} levels`)
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        if (depth > 0) break
        if (name !== undefined) members.set(name, trimmed(text, start, i))
        return members
      case 0x2c: // ,
        if (++values > valuesMax) throw invalid(`holds more than ${valuesMax} values`)
        if (depth === 1 && name !== undefined) {
          members.set(name, trimmed(text, start, i))
          name = undefined
          start = -1
        }
        break
    }
  }
  return members
}

function closingQuote(text: string, open: number): number {
  let close = text.indexOf('"', open + 1)
  while (close > 0 && text.charCodeAt(close - 1) === backslash) {
    let slashes = 1
    while (text.charCodeAt(close - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return close
    close = text.indexOf('"', close + 1)
  }
  return close
}

function nameIn(text: string, open: number, close: number): string {
  const raw = text.slice(open + 1, close)
  if (!raw.includes('\\') && /^[\x20-\x7e]*$/.test(raw)) return raw
  try {
    return JSON.parse(Buffer.from(`"${raw}"`, 'latin1').toString()) as string
  } catch {
    return raw
  }
}

function trimmed(text: string, from: number, to: number): Span {
  let start = from
  let end = to
  while (text.charCodeAt(start) <= 0x20) start++
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--
  return { start, end }
}

/** A member to set: `json` takes the place of its value, or the member is put in front. Without `json` it is taken out. */
export interface Edit {
  readonly member: string
  readonly json: string | undefined
}

/** The body's bytes with some top-level members set or taken out, and every other byte as the client sent it. */
export function splice(body: JsonBody, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return body.bytes
  const changes: { readonly span: Span; readonly json: string }[] = []
  let kept = false
  for (const [member, span] of body.members) {
    const edit = edits.find((each) => each.member === member)
    // Of the commas around it goes the one that parted it from what stays: from there on, the one in front.
    if (edit && edit.json === undefined) changes.push({ span: memberWithComma(body.bytes, span, kept), json: '' })
    else kept = true
    if (edit?.json !== undefined) changes.push({ span, json: edit.json })
  }
  const pieces: Uint8Array[] = []
  let at = 0
  const inserted = edits.filter(({ member, json }) => json !== undefined && !body.members.has(member))
  if (inserted.length > 0) {
    at = body.bytes.indexOf(0x7b) + 1
    const members = inserted.map(({ member, json }) => `${JSON.stringify(member)}:${json}`).join(',')
    pieces.push(body.bytes.subarray(0, at), Buffer.from(kept ? `${members},` : members))
  }
  for (const { span, json } of changes) {
    pieces.push(body.bytes.subarray(at, span.start), Buffer.from(json))
    at = span.end
  }
  pieces.push(body.bytes.subarray(at))
  return Buffer.concat(pieces)
}

/** The whole member whose value stands at `span`, with the comma in front of it or the one behind it, if there is one. */
function memberWithComma(bytes: Uint8Array, { start, end }: Span, inFront: boolean): Span {
  // No name that is taken out has a quote in it.
  const open = bytes.lastIndexOf(quote, bytes.lastIndexOf(quote, start - 1) - 1)
  if (inFront) return { start: bytes.lastIndexOf(comma, open - 1), end }
  let behind = end
  while ((bytes[behind] ?? quote) <= 0x20) behind++
  return { start: open, end: bytes[behind] === comma ? behind + 1 : end }
}
