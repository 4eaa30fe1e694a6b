import { type Plain, tagCharsMax } from '../domain/tags.ts'

/** Node hands header bytes over as Latin-1; names of people are sent as UTF-8. */
export function utf8(value: string): string {
  return /^[\x20-\x7e]*$/.test(value) ? value : Buffer.from(value, 'latin1').toString()
}

/** The text of a header that is not ours, as much of it as we keep; `undefined` where it is empty. */
export function textOf(header: string): string | undefined {
  return clipped(utf8(header))
}

/** A text from a request body, likewise. */
export function clipped(text: string): string | undefined {
  return text.slice(0, tagCharsMax).toWellFormed() || undefined
}

/** The JSON object that a header holds; `undefined` where it holds none. */
export function parsedObject(header: string): object | undefined {
  try {
    const value: unknown = JSON.parse(utf8(header))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The members of an object that metadata can hold; the others are left out. */
export function plainMembers(value: object): Readonly<Record<string, Plain>> {
  return Object.fromEntries(Object.entries(value).filter(isPlainMember))
}

function isPlainMember(member: [string, unknown]): member is [string, Plain] {
  return member[1] === null || typeof member[1] !== 'object'
}
