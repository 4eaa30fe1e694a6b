/** Errors are kept short: a page of HTML tells nobody anything. */
const messageCharsMax = 500

/** An error body with our own credential taken out: providers echo keys. */
export function scrub(body: Uint8Array, secret: string | undefined): Buffer {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (!secret || !bytes.includes(secret)) return bytes
  return Buffer.from(bytes.toString().replaceAll(secret, '[redacted]'))
}

/** The code and message that an error body states, for the row; keys of any kind are taken out of it. */
export function statedIn(body: Buffer): { errorCode: string; errorMessage: string } {
  const text = body.toString()
  let errorCode = 'upstream_error'
  let errorMessage = text
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; type?: unknown; message?: unknown } }
    const code = error?.code ?? error?.type
    if (typeof code === 'string' || typeof code === 'number') errorCode = String(code)
    if (typeof error?.message === 'string') errorMessage = error.message
  } catch {
    // Not JSON: the text itself is the message.
  }
  return { errorCode, errorMessage: errorMessage.replace(/\bsk-[\w-]{8,}/g, 'sk-…').slice(0, messageCharsMax) }
}
