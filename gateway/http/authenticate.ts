import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Catalog } from '../catalog/catalog.ts'
import { Fault } from '../domain/fault.ts'
import type { Key } from '../domain/key.ts'
import { aliases } from './aliases.ts'

/**
 * The key of a request. Keys are 256 random bits or long strings of the admin's choice, and are looked up by their hash,
 * so the time of a look-up tells nothing about any key.
 */
export function authenticate(headers: IncomingHttpHeaders, catalog: Pick<Catalog, 'key'>, at: number): Key {
  let sent = false
  for (const { header, read } of aliases.key) {
    const value = headers[header]
    const secret = typeof value === 'string' ? read(value) : undefined
    if (secret === undefined) continue
    sent = true
    const key = catalog.key(hash('sha256', secret, 'base64'))
    if (key) return unexpired(key, at)
  }
  throw sent
    ? new Fault('invalid_api_key', 'This API key is not known here. Send a Tollgate key, not a provider key.')
    : new Fault('missing_api_key', 'No API key was sent. Send your Tollgate key as "Authorization: Bearer <key>".')
}

function unexpired(key: Key, at: number): Key {
  if (key.expiresAt === undefined || at < key.expiresAt) return key
  throw new Fault('expired_api_key', `The key '${key.id}' expired at ${new Date(key.expiresAt).toISOString()}.`)
}
