import { randomFillSync } from 'node:crypto'

/**
 * Ids are UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then randomness, so they sort by time and a row's
 * `started_at` can be read from its id. People see them as `<prefix>_` + Crockford base32 (`req_06f…`).
 */
export type Uuid = string

const randomBytes = 10
const pool = new Uint8Array(randomBytes * 256)
let used = pool.length

/** The id being made. Read out in one piece: a string put together of parts takes ten times the memory until it is used. */
const text = Buffer.from('00000000-0000-7000-8000-000000000000')
const hexDigits = Buffer.from('0123456789abcdef')
let stampedAt = 0

/** A new UUIDv7 whose time is `at` (milliseconds since the epoch). */
export function uuidV7(at: number): Uuid {
  if (at !== stampedAt) stamp(at)
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  // The first byte goes half into the variant's digit and half behind the version.
  const first = pool[used] ?? 0
  text[19] = digit(8 | (first >>> 6))
  text[15] = digit(first)
  put(16, pool[used + 1] ?? 0)
  put(20, pool[used + 2] ?? 0)
  text[22] = digit(pool[used + 3] ?? 0)
  for (let i = 0; i < 6; i++) put(24 + 2 * i, pool[used + 4 + i] ?? 0)
  used += randomBytes
  return text.toString('latin1')
}

function stamp(at: number): void {
  const hex = at.toString(16).padStart(12, '0')
  text.write(hex.slice(0, 8), 0)
  text.write(hex.slice(8), 9)
  stampedAt = at
}

function put(place: number, byte: number): void {
  text[place] = digit(byte >>> 4)
  text[place + 1] = digit(byte)
}

/** The hex digit of the lowest four bits. */
function digit(bits: number): number {
  return hexDigits[bits & 15] ?? 0
}

/** The time that a UUIDv7 carries, in milliseconds since the epoch. */
export function timeOf(id: Uuid): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

const letters = Buffer.from(alphabet)
const digitValues = new Uint8Array(128)
for (let value = 0; value < 16; value++) digitValues[hexDigits[value] ?? 0] = value
const digits = Buffer.alloc(26)

/** `req_06f…`: the prefix says what the thing is, 26 base32 digits are the UUID. */
export function publicId(prefix: string, id: Uuid): string {
  // 26 digits have two bits more than a UUID, which are 0 and in front.
  let bits = 0
  let held = 2
  let place = 0
  for (let at = 0; at < id.length; at++) {
    const code = id.charCodeAt(at)
    if (code === dash) continue
    bits = ((bits << 4) | (digitValues[code] ?? 0)) & 0xff
    held += 4
    if (held < 5) continue
    held -= 5
    digits[place++] = letters[(bits >>> held) & 31] ?? 0
  }
  return `${prefix}_${digits.toString('latin1')}`
}

const dash = 0x2d

/** The UUID behind a public id of this prefix; `undefined` where it is none. Case and the letters O, I, L are forgiven. */
export function uuidOf(prefix: string, id: string): Uuid | undefined {
  if (!id.startsWith(`${prefix}_`)) return undefined
  const digits = id
    .slice(prefix.length + 1)
    .toLowerCase()
    .replace(/o/g, '0')
    .replace(/[il]/g, '1')
  if (digits.length !== 26) return undefined
  let value = 0n
  for (const digit of digits) {
    const at = alphabet.indexOf(digit)
    if (at < 0) return undefined
    value = (value << 5n) | BigInt(at)
  }
  if (value >> 128n) return undefined
  const hex = value.toString(16).padStart(32, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
