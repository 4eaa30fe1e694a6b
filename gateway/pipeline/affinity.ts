import { hash } from 'node:crypto'
import type { Call } from '../domain/call.ts'
import type { Connection } from '../domain/connection.ts'

/** What providers cache begins at about 1,024 tokens. A shorter prompt gains nothing by going where the last one went. */
const promptBytes = 4_096
const promptMembers = ['messages', 'input', 'prompt'] as const

/**
 * What a call has in common with others that should go where it goes, since the provider's prompt cache there knows
 * their beginning: the session it names, else its key and how its prompt begins. `undefined` where nothing is gained.
 */
export function affinityOf({ identity, key, body }: Call): string | undefined {
  if (identity.session !== undefined) return `${identity.org} ${identity.session}`
  for (const member of promptMembers) {
    const span = body.members.get(member)
    if (span === undefined) continue
    const { start, end } = span
    if (end - start < promptBytes) return undefined
    return `${key.id} ${hash('sha256', body.bytes.subarray(start, start + promptBytes), 'base64')}`
  }
  return undefined
}

/**
 * How far a connection is from a call, for weighted rendezvous hashing: the call goes to the nearest. Each distance
 * depends on that connection alone, so that one which comes or goes moves no calls but those it takes or leaves.
 */
export function distance(affinity: string, { id, weight }: Connection): number {
  // As digits: a Buffer made for the digest would cost several times the digest.
  const bits = Number.parseInt(hash('sha256', `${id} ${affinity}`, 'hex').slice(0, 12), 16)
  return -Math.log((bits + 0.5) / 2 ** 48) / weight
}
