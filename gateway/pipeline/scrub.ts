import type { Connection } from '../domain/connection.ts'

/** Errors are kept short: a page of HTML tells nobody anything. */
const messageCharsMax = 500

/** Keys of local servers are words such as `none`; taking those out would protect nothing and spoil what is said. */
const secretCharsMin = 12

/** What must not get out of a connection. */
export function secretOf({ apiKey }: Connection): string | undefined {
  return apiKey !== undefined && apiKey.length >= secretCharsMin ? apiKey : undefined
}

/**
 * An error body with our own credential taken out: providers echo keys. In JSON a key may be spelled with escapes, so what
 * is looked at then is what the text says, and a body that says the key is written anew.
 */
export function scrub(body: Uint8Array, secret: string | undefined): Buffer {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (!secret) return bytes
  if (bytes.includes(secret)) return Buffer.from(without(bytes.toString(), secret))
  if (!bytes.includes(0x5c)) return bytes
  try {
    const text = JSON.stringify(JSON.parse(bytes.toString()))
    const spelled = JSON.stringify(secret).slice(1, -1)
    return text.includes(spelled) ? Buffer.from(without(text, spelled)) : bytes
  } catch {
    return bytes
  }
}

/** The same inside a stream, event by event. */
export function scrubEvents(events: Buffer, secret: string | undefined): Buffer {
  if (!secret) return events
  const text = events.toString()
  // Not by `^`, `.` and `$`: those take U+2028 for the end of a line, which it is not in an event.
  const scrubbed = text.replace(/((?:^|[\r\n])data: ?)([^\r\n]*)/g, (line, name: string, data: string) => {
    const clean = scrub(Buffer.from(data), secret).toString()
    return clean === data ? line : name + clean
  })
  return scrubbed === text ? events : Buffer.from(scrubbed)
}

function without(text: string, secret: string): string {
  return text.replaceAll(secret, '[redacted]')
}

interface Fields {
  readonly code?: unknown
  readonly type?: unknown
  readonly message?: unknown
}

interface Stated {
  readonly errorCode: string
  readonly errorMessage: string
}

/**
 * The code and message that a body states, for the row; keys of any kind are taken out of it. `answer`: its head promised
 * an answer, so without an error in it the text may be half of one, and answers are not kept.
 */
export function statedIn(body: Buffer, answer: boolean, secret: string | undefined): Stated {
  const text = body.toString()
  let errorCode = 'upstream_error'
  let errorMessage = answer ? 'The provider sent something that is no answer.' : text
  try {
    const value = JSON.parse(text) as Partial<Fields> & { error?: Fields | null }
    // In an event that is called an error, and in some providers' bodies, no member says that it is one.
    const error = value.error ?? value
    const code = error?.code ?? error?.type
    if (typeof code === 'string' || typeof code === 'number') errorCode = printable(String(code)).slice(0, 100)
    if (typeof error?.message === 'string') errorMessage = error.message
  } catch {
    // Not JSON: there is no more to know.
  }
  return { errorCode, errorMessage: messageFor(errorMessage, secret) }
}

/** A provider's message as a row may keep it. */
export function messageFor(message: string, secret: string | undefined): string {
  const clean = secret ? without(message, secret) : message
  return printable(clean.replace(/\bsk-[\w-]{8,}/g, 'sk-…')).slice(0, messageCharsMax)
}

/** A provider's words are shown in terminals, which would obey some of them. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}
