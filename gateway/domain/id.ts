import { randomFillSync } from 'node:crypto'

/**
 * Ids are UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then randomness, so they sort by time and a row's
 * `started_at` can be read from its id. People see them as `<prefix>_` + Crockford base32 (`req_06f…`).
 */
export type Uuid = string

const pool = new Uint8Array(16 * 256)
let used = pool.length

/** A new UUIDv7 whose time is `at` (milliseconds since the epoch). */
export function uuidV7(at: number): Uuid {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = pool.subarray(used, used + 16)
  used += 16
  stamp(bytes, at)
  return format(bytes)
}

function stamp(bytes: Uint8Array, at: number): void {
  const high = Math.floor(at / 0x10000)
  bytes[0] = high >>> 24
  bytes[1] = high >>> 16
  bytes[2] = high >>> 8
  bytes[3] = high
  bytes[4] = at >>> 8
  bytes[5] = at
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
}

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function format(bytes: Uint8Array): Uuid {
  let hex = ''
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) hex += '-'
    hex += hexOf[bytes[i] ?? 0]
  }
  return hex
}

/** The time that a UUIDv7 carries, in milliseconds since the epoch. */
export function timeOf(id: Uuid): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

const pairs = Array.from({ length: 1024 }, (_, bits) => `${alphabet[bits >>> 5]}${alphabet[bits & 31]}`)

/** `req_06f…`: the prefix says what the thing is, 26 base32 digits are the UUID. */
export function publicId(prefix: string, id: Uuid): string {
  // 26 digits have two bits more than a UUID, which are 0 and in front: so the first two hex digits are two of ours, and
  // every five that follow are four.
  const hex = `${id.slice(0, 8)}${id.slice(9, 13)}${id.slice(14, 18)}${id.slice(19, 23)}${id.slice(24)}`
  let digits = `${prefix}_${pairs[Number.parseInt(hex.slice(0, 2), 16)]}`
  for (let at = 2; at < 32; at += 5) {
    const bits = Number.parseInt(hex.slice(at, at + 5), 16)
    digits += `${pairs[bits >>> 10]}${pairs[bits & 1023]}`
  }
  return digits
}

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
