import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'

/** Where a PostgreSQL is: a URL as operators write it, or the unix socket of one of our own. */
export type DatabaseAddress = string | SocketAddress

export interface SocketAddress {
  readonly socketDirectory: string
  /** A part of the socket's name. */
  readonly port: number
  readonly user: string
  readonly database: string
}

/** The address in the driver's terms. Missing members are taken from PGHOST, PGUSER, PGPASSWORD and so on. */
export interface Target {
  readonly host?: string | string[]
  readonly port?: number | number[]
  readonly user?: string
  readonly password?: string
  readonly database?: string
  readonly ssl: false | 'prefer' | 'require' | ConnectionOptions
  readonly connectTimeoutSeconds: number
  readonly sessionAttributes?: SessionAttributes
  /** What the server is told at the start of a session. */
  readonly startup: Readonly<Record<string, string>>
}

const sessionAttributes = ['read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const
type SessionAttributes = (typeof sessionAttributes)[number]

const defaultPort = 5432
const connectTimeoutSeconds = 10

/** Reads an address. What it throws names the mistake and never the password. */
export function targetOf(address: DatabaseAddress): Target {
  if (typeof address === 'string') return targetOfUrl(address)
  const { socketDirectory, port, user, database } = address
  return { host: socketDirectory, port, user, database, ssl: false, connectTimeoutSeconds, startup: {} }
}

/** The same server, another database. */
export function addressOfDatabase(address: DatabaseAddress, database: string): DatabaseAddress {
  if (typeof address !== 'string') return { ...address, database }
  const query = queryShape.exec(address)
  const server = query ? address.slice(0, query.index) : address
  const [, place = server] = /^(\w+:\/\/(?:.*@)?[^@/]*)/s.exec(server) ?? []
  return `${place}/${encodeURIComponent(database)}${query?.[0] ?? ''}`
}

// Read by hand: `new URL` refuses several hosts, and a password with `/`, `?` or `#` as it came from a generator. What
// looks like a query at the end is one; before it, the last `@` ends the password.
const queryShape = /\?((?:\w+=[^&?]*)(?:&\w+=[^&?]*)*)?$/
const shape = /^postgres(?:ql)?:\/\/(?:([^:@/?]*)(?::(.*))?@)?([^@/?]*)(?:\/([^?]*))?$/s

function targetOfUrl(url: string): Target {
  const query = queryShape.exec(url.trim())
  const match = shape.exec(query ? url.trim().slice(0, query.index) : url.trim())
  if (!match) throw new Error('The database URL is not of the form postgres://user:password@host:port/database.')
  const [, user, password, authority = '', database] = match
  const { host, ...parameters } = Object.fromEntries(new URLSearchParams(query?.[1]))
  const servers = (authority || host || '')
    .split(',')
    .filter((server) => server !== '')
    .map(serverOf)
  return {
    ...placed(servers),
    ...(user ? { user: decode(user) } : {}),
    ...(password ? { password: decode(password) } : {}),
    ...(database ? { database: decode(database) } : {}),
    ...fromParameters(parameters),
  }
}

interface Server {
  readonly name: string
  readonly port: number
}

// The driver takes a host with a slash for a socket's directory, and splits a single host at its colons (IPv6).
function placed(servers: readonly Server[]): Pick<Target, 'host' | 'port'> {
  const socket = servers.find(({ name }) => name.startsWith('/'))
  if (socket) return { host: socket.name, port: socket.port }
  if (servers.length === 0) return {}
  return { host: servers.map(({ name }) => name), port: servers.map(({ port }) => port) }
}

function serverOf(text: string): Server {
  const match = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(text)
  if (!match) throw new Error(`The database URL's host is not of the form host:port: ${text}`)
  const name = decode(match[1] ?? '').replace(/^\[|\]$/g, '')
  return { name, port: Number(match[2] ?? defaultPort) }
}

// Settings of other drivers that cannot matter to ours. Anything else unknown is refused: it may be a mistyped sslmode.
const ignored = new Set(
  'channel_binding gssencmode keepalives keepalives_idle keepalives_interval keepalives_count pgbouncer connection_limit pool_timeout schema'.split(
    ' ',
  ),
)

function fromParameters(parameters: Readonly<Record<string, string>>): Omit<Target, 'host' | 'port'> {
  const { sslmode, sslrootcert, sslcert, sslkey, connect_timeout, target_session_attrs, ...rest } = parameters
  const { user, password, dbname, application_name, options, ...unknown } = rest
  const startup = { ...(application_name ? { application_name } : {}), ...(options ? { options } : {}) }
  for (const name of Object.keys(unknown)) {
    if (!ignored.has(name)) throw new Error(`The database URL has a parameter that is not known: ${name}`)
  }
  return {
    ...(user ? { user } : {}),
    ...(password ? { password } : {}),
    ...(dbname ? { database: dbname } : {}),
    ssl: tlsOf(sslmode, { ca: sslrootcert, cert: sslcert, key: sslkey }),
    connectTimeoutSeconds: Number(connect_timeout) || connectTimeoutSeconds,
    ...(target_session_attrs ? { sessionAttributes: attributesOf(target_session_attrs) } : {}),
    startup,
  }
}

function attributesOf(text: string): SessionAttributes {
  const known = sessionAttributes.find((name) => name === text)
  if (!known) throw new Error(`target_session_attrs in the database URL is one of ${sessionAttributes.join(', ')}.`)
  return known
}

interface TlsFiles {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** As libpq reads it, `prefer` where nothing is said; `require` with a root certificate verifies the chain too. */
function tlsOf(mode = 'prefer', files: TlsFiles): Target['ssl'] {
  const own = {
    ...(files.cert ? { cert: readFileSync(files.cert) } : {}),
    ...(files.key ? { key: readFileSync(files.key) } : {}),
  }
  const ca = files.ca && files.ca !== 'system' ? { ca: readFileSync(files.ca) } : {}
  const verified = { ...own, ...ca }
  const sameAuthority = { ...verified, checkServerIdentity: () => undefined }
  switch (files.ca && mode === 'require' ? 'verify-ca' : mode) {
    case 'disable':
      return false
    case 'allow':
    case 'prefer':
      return 'prefer'
    case 'require':
      return files.cert ? { ...own, rejectUnauthorized: false } : 'require'
    case 'verify-ca':
      return sameAuthority
    case 'verify-full':
      return verified
    default:
      throw new Error('sslmode in the database URL is one of disable, allow, prefer, require, verify-ca, verify-full.')
  }
}

/** Where it is, for people: never the password. */
export function placeOf(target: Target): string {
  if (typeof target.host === 'string') return `the socket in ${target.host}`
  const ports = [target.port ?? defaultPort].flat()
  const hosts = [target.host ?? process.env['PGHOST'] ?? 'localhost'].flat()
  return hosts.map((host, i) => `${host.includes(':') ? `[${host}]` : host}:${ports[i] ?? defaultPort}`).join(', ')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A bare percent sign: it was not encoded.
    return text
  }
}
