import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Catalog } from '../catalog/catalog.ts'
import { Fault } from '../domain/fault.ts'
import type { Key } from '../domain/key.ts'

/**
 * The key of a request. Keys are 256 random bits or long strings of the admin's choice, and are looked up by their hash,
 * so the time of a look-up tells nothing about any key.
 */
export function authenticate(headers: IncomingHttpHeaders, catalog: Catalog, at: number): Key {
  const secret = secretOf(headers)
  if (secret === undefined) {
    throw new Fault('missing_api_key', 'No API key was sent. Send your Tollgate key as "Authorization: Bearer <key>".')
  }
  const key = catalog.key(hash('sha256', secret, 'base64'))
  if (!key)
    throw new Fault('invalid_api_key', 'This API key is not known here. Send a Tollgate key, not a provider key.')
  if (key.expiresAt !== undefined && at >= key.expiresAt) {
    throw new Fault('expired_api_key', `The key '${key.id}' expired at ${new Date(key.expiresAt).toISOString()}.`)
  }
  return key
}

function secretOf(headers: IncomingHttpHeaders): string | undefined {
  const { authorization } = headers
  if (authorization !== undefined) {
    if (/^bearer /i.test(authorization)) return authorization.slice(7).trim() || undefined
    return undefined
  }
  for (const name of ['x-api-key', 'api-key', 'x-goog-api-key'] as const) {
    const value = headers[name]
    if (typeof value === 'string' && value !== '') return value
  }
  return undefined
}
