import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'

/**
 * Sealed text: `v1.<key id>.<iv>.<tag>.<ciphertext>`, each part base64url, AES-256-GCM.
 *
 * - The additional data binds the text to where it stands (a row's id) as well as to its own header, so an envelope
 *   moved to another row, or given another key id, does not open.
 * - The key id is the first bytes of the key's SHA-256: it tells which of several keys to use while they rotate, and
 *   nothing of a random key.
 * - The first key seals, any opens.
 * - One envelope has one spelling: base64url that decodes leniently to the same bytes is refused, so equal texts and
 *   equal secrets are the same question.
 */
const version = 'v1'
const ivBytes = 12
const tagBytes = 16
const keyIdBytes = 8

/** The length of a master key. */
export const masterKeyBytes = 32

/** Why an envelope did not open. Holds neither the envelope nor what was in it. */
export class Unsealable extends Error {
  readonly reason: 'malformed' | 'unknown_key' | 'altered'

  constructor(reason: Unsealable['reason'], message: string) {
    super(message)
    this.name = 'Unsealable'
    this.reason = reason
  }
}

/** Encrypts under the first master key; `aad` says where the result will stand. */
export function seal(plaintext: string, aad: string, masterKeys: readonly Buffer[]): string {
  const [key] = masterKeys
  if (key === undefined) throw new Error('there is no master key to seal with')
  const keyId = masterKeyId(key)
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
  cipher.setAAD(boundTo(keyId, aad))
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()])
  return [version, keyId, ...[iv, cipher.getAuthTag(), ciphertext].map((part) => part.toString('base64url'))].join('.')
}

/** Decrypts what `seal` made for the same `aad` under one of these keys; throws `Unsealable` otherwise. */
export function unseal(sealed: string, aad: string, masterKeys: readonly Buffer[]): string {
  const { keyId, iv, tag, ciphertext } = read(sealed)
  const key = masterKeys.find((candidate) => masterKeyId(candidate) === keyId)
  if (key === undefined) {
    throw new Unsealable(
      'unknown_key',
      `sealed under master key ${keyId}, which is not among the ${masterKeys.length} at hand`,
    )
  }
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
  decipher.setAAD(boundTo(keyId, aad))
  decipher.setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8')
  } catch {
    // OpenSSL's own error says no more, and a cause could end up in a log beside the bytes it was made from.
    throw new Unsealable('altered', `sealed text for ${aad} was altered, or belongs elsewhere`)
  }
}

/** Names a master key without telling it. */
export function masterKeyId(key: Buffer): string {
  return hash('sha256', key, 'buffer').subarray(0, keyIdBytes).toString('base64url')
}

/** Reads a master key's text form, 32 bytes in base64; `undefined` where it is none. */
export function masterKeyFrom(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  const canonical = bytes.toString('base64')
  return bytes.length === masterKeyBytes && (text === canonical || `${text}=` === canonical) ? bytes : undefined
}

interface Envelope {
  readonly keyId: string
  readonly iv: Buffer
  readonly tag: Buffer
  readonly ciphertext: Buffer
}

function read(sealed: string): Envelope {
  const [stated, keyId = '', iv = '', tag = '', ciphertext, ...rest] = sealed.split('.')
  if (stated !== version || ciphertext === undefined || rest.length > 0) throw malformed()
  decoded(keyId, keyIdBytes)
  return { keyId, iv: decoded(iv, ivBytes), tag: decoded(tag, tagBytes), ciphertext: decoded(ciphertext) }
}

// A tag shorter than the full 16 bytes would be easier to guess, so lengths are checked before the cipher sees them.
function decoded(part: string, length?: number): Buffer {
  const bytes = Buffer.from(part, 'base64url')
  if (bytes.toString('base64url') !== part || (length !== undefined && bytes.length !== length)) throw malformed()
  return bytes
}

function malformed(): Unsealable {
  return new Unsealable('malformed', `not a sealed text of the form ${version}.<key id>.<iv>.<tag>.<ciphertext>`)
}

function boundTo(keyId: string, aad: string): Buffer {
  return Buffer.from(`${version}.${keyId}.${aad}`, 'utf8')
}
