import type { IncomingHttpHeaders } from 'node:http'
import { metadataBytesMax, type Plain } from '../domain/tags.ts'
import { parsedObject, plainMembers, textOf } from './header-text.ts'

/**
 * Names that users of other gateways send already, and what they mean here: one table, read by `aliases.test.ts` row by
 * row. Of one meaning our own name comes first, then these in their order; the first that says something holds. An alias
 * that makes no sense is passed over and not refused, since it was not written for us. None is ever sent upstream.
 */
export interface Alias<Meant> {
  /** As Node has it, in lower case. */
  readonly header: string
  /** Whose name it is. */
  readonly of: string
  /** What it says; `undefined` where that makes no sense. */
  readonly read: (value: string) => Meant | undefined
}

/** Every header that begins so, each a member of the metadata by the rest of its name. */
export interface PrefixAlias {
  readonly prefix: string
  readonly of: string
}

/** A member of the request body. It stays in the body: what goes upstream is the client's own bytes. */
export interface BodyAlias {
  readonly member: string
  readonly of: string
}

type Members = Readonly<Record<string, Plain>>

/**
 * Where a key may stand. The first header that holds a key of ours decides, so that one which still holds a provider's
 * key, as other gateways want it, is in nobody's way.
 */
const key: readonly Alias<string>[] = [
  { header: 'authorization', of: 'Tollgate', read: bearer },
  { header: 'x-api-key', of: 'Tollgate', read: whole },
  { header: 'x-goog-api-key', of: 'Tollgate', read: whole },
  { header: 'api-key', of: 'Tollgate', read: whole },
  { header: 'x-litellm-api-key', of: 'LiteLLM', read: bearerOrWhole },
  { header: 'x-portkey-api-key', of: 'Portkey', read: whole },
  { header: 'helicone-auth', of: 'Helicone', read: bearer },
  { header: 'helicone-api-key', of: 'Helicone', read: whole },
  { header: 'cf-aig-authorization', of: 'Cloudflare', read: bearer },
  { header: 'x-bf-vk', of: 'Bifrost', read: whole },
]

const user: readonly Alias<string>[] = [
  { header: 'x-litellm-end-user-id', of: 'LiteLLM', read: textOf },
  { header: 'x-litellm-customer-id', of: 'LiteLLM', read: textOf },
  { header: 'helicone-user-id', of: 'Helicone', read: textOf },
  { header: 'x-bf-customer-id', of: 'Bifrost', read: textOf },
  { header: 'x-portkey-metadata', of: 'Portkey', read: portkeyUser },
]

const session: readonly Alias<string>[] = [
  { header: 'x-litellm-session-id', of: 'LiteLLM', read: textOf },
  { header: 'x-portkey-trace-id', of: 'Portkey', read: textOf },
  { header: 'helicone-session-id', of: 'Helicone', read: textOf },
]

/** All of them are taken; where two name one member, the first has it. */
const metadata: readonly Alias<Members>[] = [
  { header: 'x-portkey-metadata', of: 'Portkey', read: portkeyMetadata },
  { header: 'cf-aig-metadata', of: 'Cloudflare', read: jsonMembers },
  { header: 'x-litellm-spend-logs-metadata', of: 'LiteLLM', read: jsonMembers },
  { header: 'x-litellm-tags', of: 'LiteLLM', read: (value) => named('tags', value) },
  { header: 'http-referer', of: 'OpenRouter', read: (value) => named('referer', value) },
  { header: 'x-title', of: 'OpenRouter', read: (value) => named('title', value) },
]

const metadataPrefixes: readonly PrefixAlias[] = [
  { prefix: 'helicone-property-', of: 'Helicone' },
  { prefix: 'x-bf-dim-', of: 'Bifrost' },
]

/** Attempts, not retries: one more than those. */
const attemptsMax: readonly Alias<number>[] = [
  { header: 'x-litellm-num-retries', of: 'LiteLLM', read: (value) => oneMore(count(value)) },
  { header: 'x-portkey-retry-count', of: 'Portkey', read: (value) => oneMore(count(value)) },
  { header: 'cf-aig-max-attempts', of: 'Cloudflare', read: (value) => count(value) || undefined },
  { header: 'helicone-retry-enabled', of: 'Helicone', read: (value) => (isFalse(value) ? 1 : undefined) },
  { header: 'helicone-retry-num', of: 'Helicone', read: (value) => oneMore(count(value)) },
]

const timeoutMs: readonly Alias<number>[] = [
  { header: 'x-litellm-timeout', of: 'LiteLLM', read: seconds },
  { header: 'x-portkey-request-timeout', of: 'Portkey', read: milliseconds },
  { header: 'cf-aig-request-timeout', of: 'Cloudflare', read: milliseconds },
]

const firstTokenTimeoutMs: readonly Alias<number>[] = [
  { header: 'x-litellm-stream-timeout', of: 'LiteLLM', read: seconds },
]

/** None of them can turn tracking on where something else has turned it off. */
const tracked: readonly Alias<false>[] = [
  { header: 'cf-aig-collect-log', of: 'Cloudflare', read: (value) => (isFalse(value) ? false : undefined) },
  { header: 'helicone-omit-request', of: 'Helicone', read: (value) => (isTrue(value) ? false : undefined) },
  { header: 'helicone-omit-response', of: 'Helicone', read: (value) => (isTrue(value) ? false : undefined) },
]

export const aliases = {
  key,
  user,
  session,
  metadata,
  attemptsMax,
  timeoutMs,
  firstTokenTimeoutMs,
  tracked,
} as const

export const prefixAliases = { metadata: metadataPrefixes } as const

/** After the headers: these say what the application is about anyway, a header says it for us. */
export const bodyAliases = {
  user: [
    { member: 'user', of: 'OpenAI' },
    { member: 'safety_identifier', of: 'OpenAI' },
  ],
  session: [{ member: 'session_id', of: 'OpenRouter' }],
  metadata: [{ member: 'metadata', of: 'OpenAI' }],
} as const satisfies Record<string, readonly BodyAlias[]>

/** What the first alias says that says something. */
export function firstOf<Meant>(table: readonly Alias<Meant>[], headers: IncomingHttpHeaders): Meant | undefined {
  for (const { header, read } of table) {
    const value = headers[header]
    const meant = typeof value === 'string' && value !== '' ? read(value) : undefined
    if (meant !== undefined) return meant
  }
  return undefined
}

function bearer(value: string): string | undefined {
  return /^bearer /i.test(value) ? whole(value.slice(7)) : undefined
}

function whole(value: string): string | undefined {
  return value.trim() || undefined
}

function bearerOrWhole(value: string): string | undefined {
  return bearer(value) ?? whole(value)
}

/** Portkey keeps the end user among the metadata. */
const portkeyUserMember = '_user'

function portkeyUser(value: string): string | undefined {
  const name = jsonMembers(value)?.[portkeyUserMember]
  return typeof name === 'string' ? textOf(name) : undefined
}

function portkeyMetadata(value: string): Members | undefined {
  const { [portkeyUserMember]: _, ...others } = jsonMembers(value) ?? {}
  return others
}

function jsonMembers(value: string): Members | undefined {
  const parsed = value.length > metadataBytesMax ? undefined : parsedObject(value)
  return parsed && plainMembers(parsed)
}

function named(member: string, value: string): Members | undefined {
  const text = textOf(value)
  return text === undefined ? undefined : { [member]: text }
}

function count(value: string): number | undefined {
  return /^\d{1,4}$/.test(value.trim()) ? Number(value) : undefined
}

function oneMore(retries: number | undefined): number | undefined {
  return retries === undefined ? undefined : retries + 1
}

function seconds(value: string): number | undefined {
  return atLeastOne(Number(value) * 1000)
}

function milliseconds(value: string): number | undefined {
  return atLeastOne(Number(value))
}

function atLeastOne(ms: number): number | undefined {
  return Number.isFinite(ms) && ms >= 1 ? Math.round(ms) : undefined
}

function isTrue(value: string): boolean {
  return /^(true|1)$/i.test(value.trim())
}

function isFalse(value: string): boolean {
  return /^(false|0)$/i.test(value.trim())
}
