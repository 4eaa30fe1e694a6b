import { isAscii, isUtf8 } from 'node:buffer'
import type { JsonBody, Span } from '../domain/call.ts'
import { Fault } from '../domain/fault.ts'

/** Deeper nesting has no honest use here and costs every parser behind us. */
const depthMax = 64

/**
 * Reads a request body that must be a JSON object, and finds where its top-level members stand, so that the client's
 * own bytes can be sent on. A name that occurs twice is refused: parsers differ on which one counts, so we might bill
 * one model while the provider runs another.
 */
export function readJsonBody(bytes: Buffer): JsonBody {
  if (bytes.length === 0) throw new Fault('invalid_json', 'The request body is empty; a JSON object was expected.')
  if (!isUtf8(bytes)) throw new Fault('invalid_json', 'The request body is not valid UTF-8.')
  // One char a byte: structure in JSON is ASCII, so positions in this string are positions in the bytes.
  const text = bytes.toString('latin1')
  let value: unknown
  try {
    value = JSON.parse(isAscii(bytes) ? text : bytes.toString())
  } catch (cause) {
    throw new Fault('invalid_json', `The request body is not valid JSON: ${reason(cause)}.`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Fault('invalid_json', 'The request body must be a JSON object.')
  }
  return { bytes, value: value as Record<string, unknown>, members: findMembers(text) }
}

/** V8 quotes the input in its message; where it stands is enough. */
function reason(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  const at = /position (\d+)/.exec(message)
  return at ? `unexpected character at byte ${at[1]}` : message.replace(/,? ?"[\s\S]*" is not valid JSON/, '')
}

const quote = 0x22
const backslash = 0x5c

/** Walks over text that `JSON.parse` has accepted, from quote to quote. */
function findMembers(text: string): ReadonlyMap<string, Span> {
  const members = new Map<string, Span>()
  let depth = 0
  let name: string | undefined
  let start = -1
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case quote: {
        const close = closingQuote(text, i)
        if (depth === 1 && name === undefined) {
          name = nameIn(text, i, close)
          if (members.has(name)) {
            throw new Fault('invalid_json', `The request body names ${JSON.stringify(name)} twice.`, { param: name })
          }
        }
        i = close
        break
      }
      case 0x3a: // :
        if (depth === 1 && start < 0) start = i + 1
        break
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > depthMax) {
          throw new Fault('invalid_json', `The request body is nested deeper than ${depthMax} levels.`)
        }
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        if (depth > 0) break
        if (name !== undefined) members.set(name, trimmed(text, start, i))
        return members
      case 0x2c: // ,
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
  while (text.charCodeAt(close - 1) === backslash) {
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
  return JSON.parse(Buffer.from(`"${raw}"`, 'latin1').toString()) as string
}

function trimmed(text: string, from: number, to: number): Span {
  let start = from
  let end = to
  while (text.charCodeAt(start) <= 0x20) start++
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--
  return { start, end }
}

/** A member to set: `json` takes the place of its value, or the member is put in front. */
export interface Edit {
  readonly member: string
  readonly json: string
}

/** The body's bytes with some top-level members set, and every other byte as the client sent it. */
export function splice(body: JsonBody, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return body.bytes
  const pieces: Uint8Array[] = []
  const inserted = edits.filter(({ member }) => !body.members.has(member))
  const replaced = edits
    .flatMap(({ member, json }) => {
      const span = body.members.get(member)
      return span ? [{ span, json }] : []
    })
    .sort((a, b) => a.span.start - b.span.start)
  let at = 0
  if (inserted.length > 0) {
    at = body.bytes.indexOf(0x7b) + 1
    const comma = body.members.size > 0 ? ',' : ''
    const members = inserted.map(({ member, json }) => `${JSON.stringify(member)}:${json}`).join(',')
    pieces.push(body.bytes.subarray(0, at), Buffer.from(members + comma))
  }
  for (const { span, json } of replaced) {
    pieces.push(body.bytes.subarray(at, span.start), Buffer.from(json))
    at = span.end
  }
  pieces.push(body.bytes.subarray(at))
  return Buffer.concat(pieces)
}
