import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../domain/fault.ts'
import type { Identity, Key } from '../domain/key.ts'

const tagCharsMax = 256
const metadataBytesMax = 4096
const metadataMembersMax = 32

/** Headers that tag a call, and the member of its identity that each one sets. */
const tags = {
  'x-tollgate-user': 'user',
  'x-tollgate-feature': 'feature',
  'x-tollgate-agent': 'agent',
  'x-tollgate-agent-name': 'agentName',
  'x-tollgate-framework': 'framework',
  'x-tollgate-request-type': 'requestType',
  'x-tollgate-session': 'session',
  'x-tollgate-group': 'group',
} as const

/**
 * Who a call is for. Where the key may not say so itself, tags are passed over and the key's own identity stands: a
 * client cannot put its usage on somebody else's account. The organisation always comes from the key.
 */
export function identityOf(headers: IncomingHttpHeaders, bodyUser: string | undefined, key: Key): Identity {
  const own: Identity = {
    org: key.org,
    ...(key.user !== undefined && { user: key.user }),
    ...(key.feature !== undefined && { feature: key.feature }),
  }
  if (!key.allowClientIdentity) return own
  const identity: { -readonly [name in keyof Identity]: Identity[name] } = own
  if (bodyUser !== undefined && bodyUser !== '') identity.user = bodyUser.slice(0, tagCharsMax)
  for (const name in headers) {
    if (!name.startsWith('x-tollgate-')) continue
    const member = tags[name as keyof typeof tags]
    const value = headers[name]
    if (member === undefined || typeof value !== 'string' || value === '') continue
    if (value.length > tagCharsMax) {
      throw new Fault('invalid_header', `The header ${name} is longer than ${tagCharsMax} characters.`, { param: name })
    }
    identity[member] = utf8(value)
  }
  const metadata = headers['x-tollgate-metadata']
  if (typeof metadata === 'string') identity.metadata = metadataIn(metadata)
  return identity
}

/** Node hands header bytes over as Latin-1; names of people are sent as UTF-8. */
function utf8(value: string): string {
  return /^[\x20-\x7e]*$/.test(value) ? value : Buffer.from(value, 'latin1').toString()
}

function metadataIn(header: string): Readonly<Record<string, unknown>> {
  const name = 'x-tollgate-metadata'
  const expected = `a JSON object of at most ${metadataMembersMax} members with plain values, ${metadataBytesMax} bytes in all`
  const refuse = () => new Fault('invalid_header', `The header ${name} has to be ${expected}.`, { param: name })
  if (header.length > metadataBytesMax) throw refuse()
  let value: unknown
  try {
    value = JSON.parse(utf8(header))
  } catch {
    throw refuse()
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse()
  const members = Object.entries(value)
  if (
    members.length > metadataMembersMax ||
    members.some(([, member]) => typeof member === 'object' && member !== null)
  ) {
    throw refuse()
  }
  return Object.fromEntries(members)
}
