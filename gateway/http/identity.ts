import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../domain/fault.ts'
import type { Identity, Key } from '../domain/key.ts'
import { tagCharsMax } from '../domain/tags.ts'
import { aliases, bodyAliases, firstOf } from './aliases.ts'
import { clipped, utf8 } from './header-text.ts'
import { metadataIn } from './metadata.ts'

/** Our headers that tag a call, and the member of its identity that each one sets. */
const tags = [
  { header: 'x-tollgate-user', member: 'user' },
  { header: 'x-tollgate-feature', member: 'feature' },
  { header: 'x-tollgate-agent', member: 'agent' },
  { header: 'x-tollgate-agent-name', member: 'agentName' },
  { header: 'x-tollgate-framework', member: 'framework' },
  { header: 'x-tollgate-request-type', member: 'requestType' },
  { header: 'x-tollgate-session', member: 'session' },
  { header: 'x-tollgate-group', member: 'group' },
] as const

type Writable<T> = { -readonly [name in keyof T]: T[name] }
type Body = Readonly<Record<string, unknown>>

/**
 * Who a call is for. Where the key may not say so itself, tags are passed over and the key's own identity stands: a
 * client cannot put its usage on somebody else's account, nor hide it. The organisation always comes from the key.
 * `bodyUser` is the end user as the dialect has it.
 */
export function identityOf(headers: IncomingHttpHeaders, bodyUser: string | undefined, body: Body, key: Key): Identity {
  const own: Identity = {
    org: key.org,
    ...(key.user !== undefined && { user: key.user }),
    ...(key.feature !== undefined && { feature: key.feature }),
  }
  if (!key.allowClientIdentity) return own
  const identity: Writable<Identity> = own
  const user = firstOf(aliases.user, headers) ?? clipped(bodyUser ?? '') ?? textIn(body, bodyAliases.user)
  if (user !== undefined) identity.user = user
  const session = firstOf(aliases.session, headers) ?? textIn(body, bodyAliases.session)
  if (session !== undefined) identity.session = session
  setTags(identity, headers)
  const metadata = metadataIn(headers, body)
  if (metadata !== undefined) identity.metadata = metadata
  const tracked = trackedIn(headers) ?? firstOf(aliases.tracked, headers)
  if (tracked !== undefined) identity.tracked = tracked
  return identity
}

/** By name rather than by walking through all headers, of which most requests have more. */
function setTags(identity: Writable<Identity>, headers: IncomingHttpHeaders): void {
  for (const { header, member } of tags) {
    const value = headers[header]
    if (typeof value !== 'string' || value === '') continue
    if (value.length > tagCharsMax) {
      const message = `The header ${header} is longer than ${tagCharsMax} characters.`
      throw new Fault('invalid_header', message, { param: header })
    }
    identity[member] = utf8(value)
  }
}

function textIn(body: Body, members: readonly { readonly member: string }[]): string | undefined {
  for (const { member } of members) {
    const value = body[member]
    const text = typeof value === 'string' ? clipped(value) : undefined
    if (text !== undefined) return text
  }
  return undefined
}

function trackedIn(headers: IncomingHttpHeaders): boolean | undefined {
  const name = 'x-tollgate-track'
  switch (headers[name]) {
    case undefined:
      return undefined
    case 'on':
      return true
    case 'off':
      return false
    default:
      throw new Fault('invalid_header', `The header ${name} has to be 'on' or 'off'.`, { param: name })
  }
}
