import { z } from 'zod'

/** The single values of the configuration. An error text says what was expected; the report adds what was found. */

export const slug = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,63}$/,
    'a slug: a-z, 0-9, ".", "_", "-", a letter or digit first, 64 characters at most',
  )

export const name = z.string().min(1, 'a text that is not empty').max(256, 'a text of 256 characters at most')

export const modelName = name.regex(/^[^\s*]+$/, 'a model name, without spaces or "*"')

export const modelPattern = name.regex(/^\S+$/, 'a model name or a pattern with "*", without spaces')

/** What goes into a header. A secret that no client can send would look like a wrong one. */
export const headerText = z
  .string()
  .regex(
    /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/,
    'printable ASCII characters, neither beginning nor ending with a space',
  )

/** Credentials have members of their own, and what frames a request is ours. */
const headersOfOurs: ReadonlySet<string> = new Set([
  ...['authorization', 'api-key', 'x-api-key', 'x-goog-api-key', 'cookie', 'proxy-authorization'],
  ...['host', 'connection', 'keep-alive', 'te', 'trailer', 'upgrade', 'expect'],
  ...['content-length', 'content-type', 'transfer-encoding', 'accept-encoding'],
])

const plainHeader = 'the name of a header that is neither a credential nor about the message itself'
// Upper case is in the pattern because a flag would be lost in the JSON schema.
export const headerName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/, plainHeader)
  .refine((text) => !headersOfOurs.has(text.toLowerCase()), plainHeader)

const wholeNumber = 'a whole number of 1 or more'
export const atLeastOne = z.int(wholeNumber).min(1, wholeNumber)

const wholeMilliseconds = 'whole milliseconds, 1 to 86400000 (a day)'
/** Timers of more than 2^31 ms fire at once, hence a day at most. */
export const milliseconds = z.int(wholeMilliseconds).min(1, wholeMilliseconds).max(86_400_000, wholeMilliseconds)

const wholeDays = 'whole days, 1 to 36500 (a hundred years)'
export const days = z.int(wholeDays).min(1, wholeDays).max(36_500, wholeDays)

const wholePriority = 'a whole number, -1000000000 to 1000000000'
/** A column of the ledger holds 32 bits. */
export const priority = z.int(wholePriority).min(-1e9, wholePriority).max(1e9, wholePriority)

export const positive = z.number().positive('a number above 0').max(1e9, 'a number of 1000000000 at most')

export const timezone = z.string().refine(isTimezone, 'an IANA time zone, such as Europe/Berlin')

/** A day, or a moment with its offset. */
export const moment = z
  .string()
  .refine(isMoment, 'a date (2027-01-01) or a time with its offset (2027-01-01T09:00:00Z)')

/** `key:dev`, `user:*`, `global`. */
export const limitScope = z
  .string()
  .regex(
    /^(?:global|(?:key|org|user|feature|connection|model):\S.{0,255})$/,
    '"global", or key:, org:, user:, feature:, connection: or model: with a name, or "*" for each by itself',
  )

function isTimezone(text: string): boolean {
  // Offsets are refused although Intl knows them: a calendar needs the rules of a place.
  if (!/^[A-Za-z]/.test(text)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return true
  } catch {
    return false
  }
}

function isMoment(text: string): boolean {
  try {
    momentMs(text, 'UTC')
    return true
  } catch {
    return false
  }
}

/** Milliseconds since the epoch of a moment; a bare date is the beginning of that day in the time zone. */
export function momentMs(text: string, zone: string): number {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return Temporal.PlainDate.from(text).toZonedDateTime(zone).epochMilliseconds
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text))
    return Temporal.Instant.from(text).epochMilliseconds
  throw new RangeError('neither a date nor a time with its offset')
}
