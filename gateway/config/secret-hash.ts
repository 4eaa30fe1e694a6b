import { hash } from 'node:crypto'
import type { KeyEntry } from './file-schema.ts'

/** The SHA-256 of a key's secret in base64, as the catalog looks it up. */
export function secretHash({ secret, secret_sha256: stated }: KeyEntry): string | undefined {
  if (secret !== undefined) return hash('sha256', secret, 'base64')
  if (stated === undefined) return undefined
  return Buffer.from(stated, stated.length === 64 ? 'hex' : 'base64').toString('base64')
}
