/** Errors are kept short: a page of HTML tells nobody anything. */
const messageCharsMax = 500

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
  const scrubbed = text.replace(/^(data: ?)(.*)$/gm, (line, name: string, data: string) => {
    const clean = scrub(Buffer.from(data), secret).toString()
    return clean === data ? line : name + clean
  })
  return scrubbed === text ? events : Buffer.from(scrubbed)
}

function without(text: string, secret: string): string {
  return text.replaceAll(secret, '[redacted]')
}

/** The code and message that an error body states, for the row; keys of any kind are taken out of it. */
export function statedIn(body: Buffer, secret: string | undefined): { errorCode: string; errorMessage: string } {
  const text = body.toString()
  let errorCode = 'upstream_error'
  let errorMessage = text
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; type?: unknown; message?: unknown } | null }
    const code = error?.code ?? error?.type
    if (typeof code === 'string' || typeof code === 'number') errorCode = String(code).slice(0, 100)
    if (typeof error?.message === 'string') errorMessage = error.message
  } catch {
    // Not JSON: the text itself is the message.
  }
  return { errorCode, errorMessage: messageFor(errorMessage, secret) }
}

/** A provider's message as a row may keep it. */
export function messageFor(message: string, secret: string | undefined): string {
  const clean = secret ? without(message, secret) : message
  return clean.replace(/\bsk-[\w-]{8,}/g, 'sk-…').slice(0, messageCharsMax)
}
