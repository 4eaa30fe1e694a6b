import { hash } from 'node:crypto'
import type { Key } from '../domain/key.ts'

/** A key whose secret is `secret of <id>`. */
export function keyOf(id: string, over: Partial<Key> = {}): Key {
  return {
    id,
    hash: hash('sha256', `secret of ${id}`, 'base64'),
    org: 'acme',
    user: undefined,
    feature: undefined,
    models: ['*'],
    allowClientIdentity: true,
    expiresAt: undefined,
    trackUsage: undefined,
    ...over,
  }
}
