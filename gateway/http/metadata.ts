import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../domain/fault.ts'
import { metadataBytesMax, metadataMembersMax, type Plain } from '../domain/tags.ts'
import { aliases, bodyAliases, prefixAliases } from './aliases.ts'
import { clipped, parsedObject, plainMembers, textOf } from './header-text.ts'

type Body = Readonly<Record<string, unknown>>
type Members = Readonly<Record<string, Plain>>
type Member = readonly [name: string, value: Plain]

const ours = 'x-tollgate-metadata'

/**
 * What a call says about itself beside its tags: our header's members, then those of the aliases that have other names,
 * as many of them as fit. `undefined` where nothing was said.
 */
export function metadataIn(headers: IncomingHttpHeaders, body: Body): Members | undefined {
  const said = ownMembers(headers[ours])
  const theirs = [...headerMembers(headers), ...prefixedMembers(headers), ...bodyMembers(body)]
  return theirs.length === 0 ? said : together(said ?? {}, theirs)
}

/** Our own header is taken as it is, or refused by name. */
function ownMembers(header: IncomingHttpHeaders[string]): Members | undefined {
  if (typeof header !== 'string') return undefined
  const value = header.length > metadataBytesMax ? undefined : parsedObject(header)
  const members = plainMembers(value ?? {})
  const count = Object.keys(value ?? {}).length
  if (value && count <= metadataMembersMax && count === Object.keys(members).length) return members
  const expected = `a JSON object of at most ${metadataMembersMax} members with plain values, ${metadataBytesMax} bytes in all`
  throw new Fault('invalid_header', `The header ${ours} has to be ${expected}.`, { param: ours })
}

function together(said: Members, theirs: readonly Member[]): Members {
  const members = new Map(Object.entries(said))
  let bytes = Buffer.byteLength(JSON.stringify(said))
  for (const [name, value] of theirs) {
    const more = Buffer.byteLength(`${JSON.stringify(name)}:${JSON.stringify(value)},`)
    if (members.has(name) || members.size >= metadataMembersMax || bytes + more > metadataBytesMax) continue
    bytes += more
    members.set(name, value)
  }
  return Object.fromEntries(members)
}

function headerMembers(headers: IncomingHttpHeaders): readonly Member[] {
  return aliases.metadata.flatMap(({ header, read }) => {
    const value = headers[header]
    return typeof value === 'string' ? Object.entries(read(value) ?? {}) : []
  })
}

function prefixedMembers(headers: IncomingHttpHeaders): readonly Member[] {
  const members: Member[] = []
  // Node's headers are slow to walk through: by their keys it takes half the time of `for in`.
  for (const header of Object.keys(headers)) {
    for (const { prefix } of prefixAliases.metadata) {
      if (!header.startsWith(prefix) || header.length === prefix.length) continue
      const value = headers[header]
      const text = typeof value === 'string' ? textOf(value) : undefined
      if (text !== undefined) members.push([header.slice(prefix.length), text])
    }
  }
  return members
}

function bodyMembers(body: Body): readonly Member[] {
  return bodyAliases.metadata.flatMap(({ member }) => {
    const value = body[member]
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
    return [...listsOfWords(value), ...Object.entries(plainMembers(value))]
  })
}

/** `tags: [a, b]`, as a header would hold them. */
function listsOfWords(value: object): readonly Member[] {
  return Object.entries(value).flatMap(([name, list]) => {
    const words = Array.isArray(list) ? clipped(list.filter((word) => typeof word === 'string').join(',')) : undefined
    return words === undefined ? [] : [[name, words] as const]
  })
}
